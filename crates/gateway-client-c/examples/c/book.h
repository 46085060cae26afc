/* Best prices from order records, `full` or `plain`.
 *
 * A `plain` record says what its message says and no more: an execution or a cancel names an order, not its price. So
 * the books remember the orders that they saw added, which serves `full` records as well. Orders added before they
 * began, or lost on the way, are not in them: their prices are the best they know.
 */
#ifndef EXAMPLE_BOOK_H
#define EXAMPLE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway.h"

/* A price in 1e-9 and the total size that rests at it. */
typedef struct level {
    int64_t price;
    uint64_t size;
} level;

/* Levels in rising order of price. */
typedef struct side {
    level *levels;
    size_t count;
    size_t capacity;
} side;

/* An order as it stands; one with size 0 is gone. */
typedef struct order {
    uint64_t id;
    int64_t price;
    uint32_t instrument;
    uint32_t size;
    bool is_bid;
    bool used;
} order;

/* Books of a feed whose instruments have numbers of 16 bits. */
typedef struct books {
    /* Bids and asks by instrument. */
    side (*sides)[2];
    /* Orders by id: open addressing, capacity a power of two. */
    order *orders;
    size_t order_count;
    size_t order_capacity;
    /* The order that the last whole cancel took away, and its message: a replacement follows within the same one. */
    order taken;
    uint32_t taken_sequence;
} books;

enum { BOOK_ASKS = 0, BOOK_BIDS = 1, BOOK_INSTRUMENTS = 65536 };

/* Empty books. */
books *books_new(void);
void books_free(books *books);
/* Applies one record. */
void books_apply(books *books, const gateway_mbo *record);
/* Forgets everything: what follows a loss or a new session may contradict it. */
void books_forget(books *books);
/* No order of the instrument rests any more, or none that is known. */
void books_clear(books *books, uint32_t instrument);
/* The best level of a side of an instrument, null where there is none. */
const level *books_best(const books *books, uint32_t instrument, int which);

#endif
