#include "book.h"

#include "common.h"

/* Memory, or the end: an example has nothing better to do. */
static void *allocated(void *memory) {
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

books *books_new(void) {
    books *new = allocated(calloc(1, sizeof *new));
    new->sides = allocated(calloc(BOOK_INSTRUMENTS, sizeof *new->sides));
    new->order_capacity = 1024;
    new->orders = allocated(calloc(new->order_capacity, sizeof *new->orders));
    return new;
}

void books_free(books *old) {
    for (size_t i = 0; i < BOOK_INSTRUMENTS; i++) {
        free(old->sides[i][BOOK_ASKS].levels);
        free(old->sides[i][BOOK_BIDS].levels);
    }
    free(old->sides);
    free(old->orders);
    free(old);
}

void books_forget(books *books) {
    for (size_t i = 0; i < BOOK_INSTRUMENTS; i++) {
        books->sides[i][BOOK_ASKS].count = 0;
        books->sides[i][BOOK_BIDS].count = 0;
    }
    memset(books->orders, 0, books->order_capacity * sizeof *books->orders);
    books->order_count = 0;
    books->taken.used = false;
}

/* The place of an order, or the empty one where it belongs. */
static order *find(order *orders, size_t capacity, uint64_t id) {
    size_t index = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (capacity - 1);
    while (orders[index].used && orders[index].id != id) {
        index = (index + 1) & (capacity - 1);
    }
    return &orders[index];
}

/* Makes room for one order more, leaving out those that are gone. */
static void make_room(books *books) {
    if (2 * (books->order_count + 1) <= books->order_capacity) {
        return;
    }
    size_t live = 0;
    for (size_t i = 0; i < books->order_capacity; i++) {
        live += books->orders[i].used && books->orders[i].size > 0;
    }
    size_t capacity = 1024;
    while (capacity < 4 * (live + 1)) {
        capacity *= 2;
    }
    order *orders = allocated(calloc(capacity, sizeof *orders));
    for (size_t i = 0; i < books->order_capacity; i++) {
        const order *old = &books->orders[i];
        if (old->used && old->size > 0) {
            *find(orders, capacity, old->id) = *old;
        }
    }
    free(books->orders);
    books->orders = orders;
    books->order_capacity = capacity;
    books->order_count = live;
}

/* Index of the first level whose price is not below `price`. */
static size_t lower_bound(const side *side, int64_t price) {
    size_t first = 0;
    for (size_t count = side->count; count > 0;) {
        const size_t half = count / 2;
        if (side->levels[first + half].price < price) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return first;
}

static void add_to_level(side *side, int64_t price, uint64_t size) {
    const size_t index = lower_bound(side, price);
    if (index < side->count && side->levels[index].price == price) {
        side->levels[index].size += size;
        return;
    }
    if (side->count == side->capacity) {
        side->capacity = side->capacity == 0 ? 16 : 2 * side->capacity;
        side->levels = allocated(realloc(side->levels, side->capacity * sizeof *side->levels));
    }
    memmove(&side->levels[index + 1], &side->levels[index], (side->count - index) * sizeof *side->levels);
    side->levels[index] = (level){.price = price, .size = size};
    side->count++;
}

static void take_from_level(side *side, int64_t price, uint64_t size) {
    const size_t index = lower_bound(side, price);
    if (index == side->count || side->levels[index].price != price) {
        return;
    }
    if (side->levels[index].size > size) {
        side->levels[index].size -= size;
        return;
    }
    side->count--;
    memmove(&side->levels[index], &side->levels[index + 1], (side->count - index) * sizeof *side->levels);
}

/* An order that rests at `price` proves that nothing rests opposite at a better one: what is there was executed or
 * cancelled by a message that was lost. */
static void uncross(side sides[2], bool is_bid, int64_t price) {
    if (is_bid) {
        side *asks = &sides[BOOK_ASKS];
        const size_t crossed = lower_bound(asks, price + 1);
        asks->count -= crossed;
        if (crossed > 0) {
            memmove(asks->levels, &asks->levels[crossed], asks->count * sizeof *asks->levels);
        }
    } else {
        sides[BOOK_BIDS].count = lower_bound(&sides[BOOK_BIDS], price);
    }
}

static void add(books *books, const gateway_mbo *record) {
    bool is_bid = record->side == 'B';
    if (record->side != 'B' && record->side != 'A') {
        /* A replacement keeps the side of the order it replaces. */
        if (!books->taken.used || books->taken_sequence != record->sequence) {
            return;
        }
        is_bid = books->taken.is_bid;
    }
    const uint32_t instrument = record->hd.instrument_id;
    if (record->price == UNDEF_PRICE || instrument >= BOOK_INSTRUMENTS) {
        return;
    }
    make_room(books);
    order *place = find(books->orders, books->order_capacity, record->order_id);
    books->order_count += !place->used;
    *place = (order){
        .id = record->order_id,
        .price = record->price,
        .instrument = instrument,
        .size = record->size,
        .is_bid = is_bid,
        .used = true,
    };
    side *sides = books->sides[instrument];
    uncross(sides, is_bid, record->price);
    add_to_level(&sides[is_bid], record->price, record->size);
}

static void cancel(books *books, const gateway_mbo *record) {
    order *found = find(books->orders, books->order_capacity, record->order_id);
    if (!found->used || found->size == 0) {
        return;
    }
    const order before = *found;
    const bool whole = record->size == UNDEF_ORDER_SIZE || record->size >= before.size;
    const uint32_t taken = whole ? before.size : record->size;
    found->size -= taken;
    if (whole) {
        books->taken = before;
        books->taken_sequence = record->sequence;
    }
    take_from_level(&books->sides[before.instrument][before.is_bid], before.price, taken);
}

void books_clear(books *books, uint32_t instrument) {
    if (instrument >= BOOK_INSTRUMENTS) {
        return;
    }
    for (size_t i = 0; i < books->order_capacity; i++) {
        if (books->orders[i].instrument == instrument) {
            books->orders[i].size = 0;
        }
    }
    books->sides[instrument][BOOK_ASKS].count = 0;
    books->sides[instrument][BOOK_BIDS].count = 0;
}

void books_apply(books *books, const gateway_mbo *record) {
    switch (record->action) {
    case 'A':
        add(books, record);
        break;
    /* A fill follows the trade it belongs to, and the cancel that follows both is what changes the order. */
    case 'C':
        cancel(books, record);
        break;
    case 'R':
        books_clear(books, record->hd.instrument_id);
        break;
    default:
        break;
    }
}

const level *books_best(const books *books, uint32_t instrument, int which) {
    if (instrument >= BOOK_INSTRUMENTS) {
        return NULL;
    }
    const side *side = &books->sides[instrument][which];
    if (side->count == 0) {
        return NULL;
    }
    return which == BOOK_BIDS ? &side->levels[side->count - 1] : &side->levels[0];
}
