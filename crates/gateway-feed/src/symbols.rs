//! The symbols file: which instrument id is which symbol, for a gateway that starts after the directory was sent.
//!
//! One `id,symbol` a line; `#` starts a comment, blank lines and a first line `locate,symbol` are ignored. Ids are
//! those of the venue's session (for Nasdaq ITCH the day's stock locate): such a file is valid for one day.
//!
//! ```text
//! # 2019-12-30
//! locate,symbol
//! 13,AAPL
//! 8007,ZVZZT   # a test symbol
//! ```

use std::collections::HashMap;

use crate::sink::InstrumentId;

/// What ids and symbols a feed allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolLimits {
    /// The largest instrument id; the smallest is 1.
    pub id_max: u32,
    /// The longest symbol, in bytes.
    pub symbol_bytes_max: usize,
    /// Whether there may be blanks within a symbol.
    pub blanks: bool,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolEntry {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its symbol: graphic ASCII, within the feed's limits.
    pub symbol: String,
}

/// What is wrong with a symbols file, and in which line (from 1).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolsError {
    /// The line has no comma, or more than one.
    #[error("line {line}: \"{text}\" is not of the form id,symbol")]
    Form {
        /// The line's number.
        line: usize,
        /// The line without its comment.
        text: String,
    },
    /// The id is no number, or outside the feed's range.
    #[error("line {line}: \"{text}\" is no instrument id: use a whole number from 1 to {max}")]
    Id {
        /// The line's number.
        line: usize,
        /// What stands for the id.
        text: String,
        /// The feed's largest id.
        max: u32,
    },
    /// The symbol is empty, too long, or holds other than graphic ASCII.
    #[error(
        "line {line}: \"{text}\" is no symbol of this feed: use 1 to {max} ASCII characters without spaces"
    )]
    Symbol {
        /// The line's number.
        line: usize,
        /// What stands for the symbol.
        text: String,
        /// The feed's longest symbol, in bytes.
        max: usize,
    },
    /// Two lines give one id different symbols.
    #[error(
        "line {line}: instrument {id} was {first} in line {first_line} already: keep one of them"
    )]
    Conflict {
        /// The later line's number.
        line: usize,
        /// The instrument.
        id: u32,
        /// The earlier line's symbol.
        first: String,
        /// The earlier line's number.
        first_line: usize,
    },
}

/// Parses the content of a symbols file; the entries are in the file's order, each id once.
///
/// # Errors
/// The first line that is wrong, with its number.
pub fn parse(content: &str, limits: SymbolLimits) -> Result<Vec<SymbolEntry>, SymbolsError> {
    let mut entries = Vec::new();
    let mut seen: HashMap<u32, (usize, usize)> = HashMap::new();
    let mut header_possible = true;
    for (index, raw) in content.lines().enumerate() {
        let line = index + 1;
        let text = raw.split('#').next().unwrap_or("").trim();
        if text.is_empty() {
            continue;
        }
        let may_be_header = std::mem::take(&mut header_possible);
        let (id_text, symbol) = text
            .split_once(',')
            .map(|(id, symbol)| (id.trim(), symbol.trim()))
            .filter(|(_, symbol)| !symbol.contains(','))
            .ok_or_else(|| SymbolsError::Form {
                line,
                text: text.to_owned(),
            })?;
        if may_be_header && (id_text, symbol) == ("locate", "symbol") {
            continue;
        }
        let id = id_text
            .parse()
            .ok()
            .filter(|id| (1..=limits.id_max).contains(id))
            .ok_or_else(|| SymbolsError::Id {
                line,
                text: id_text.to_owned(),
                max: limits.id_max,
            })?;
        let fits = (1..=limits.symbol_bytes_max).contains(&symbol.len());
        let allowed = |byte: u8| byte.is_ascii_graphic() || limits.blanks && byte == b' ';
        if !fits || !symbol.bytes().all(allowed) {
            return Err(SymbolsError::Symbol {
                line,
                text: symbol.to_owned(),
                max: limits.symbol_bytes_max,
            });
        }
        match seen.insert(id, (entries.len(), line)) {
            None => entries.push(SymbolEntry {
                instrument: InstrumentId(id),
                symbol: symbol.to_owned(),
            }),
            Some((at, first_line)) => {
                let first: &SymbolEntry = &entries[at];
                if first.symbol != symbol {
                    return Err(SymbolsError::Conflict {
                        line,
                        id,
                        first: first.symbol.clone(),
                        first_line,
                    });
                }
                seen.insert(id, (at, first_line));
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIMITS: SymbolLimits = SymbolLimits {
        id_max: 65535,
        symbol_bytes_max: 8,
        blanks: false,
    };

    fn mistake(content: &str) -> String {
        parse(content, LIMITS).unwrap_err().to_string()
    }

    #[test]
    fn entries_comments_header_and_blank_lines() {
        let content =
            "# the day\n\nlocate,symbol\n13,AAPL\n 8007 , ZVZZT # test\r\n13,AAPL\n65535,BRK.B";
        let entries = parse(content, LIMITS).unwrap();
        let read: Vec<_> = entries
            .iter()
            .map(|entry| (entry.instrument.0, entry.symbol.as_str()))
            .collect();
        assert_eq!(read, [(13, "AAPL"), (8007, "ZVZZT"), (65535, "BRK.B")]);
        assert_eq!(parse("", LIMITS).unwrap(), []);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(
            mistake("1,A\n2 B"),
            "line 2: \"2 B\" is not of the form id,symbol"
        );
        assert_eq!(
            mistake("1,A,B"),
            "line 1: \"1,A,B\" is not of the form id,symbol"
        );
        assert_eq!(
            mistake("0,A"),
            "line 1: \"0\" is no instrument id: use a whole number from 1 to 65535"
        );
        assert_eq!(
            mistake("65536,A"),
            "line 1: \"65536\" is no instrument id: use a whole number from 1 to 65535"
        );
        let error = "line 1: \"NINECHARS\" is no symbol of this feed: use 1 to 8 ASCII characters without spaces";
        assert_eq!(mistake("1,NINECHARS"), error);
        assert!(matches!(
            parse("1,", LIMITS),
            Err(SymbolsError::Symbol { line: 1, .. })
        ));
        assert!(matches!(
            parse("1,Ä", LIMITS),
            Err(SymbolsError::Symbol { line: 1, .. })
        ));
        // The header is one only where it stands first.
        assert!(matches!(
            parse("1,A\nlocate,symbol", LIMITS),
            Err(SymbolsError::Id { line: 2, .. })
        ));
        assert_eq!(
            mistake("1,A\n1,A\n1,B"),
            "line 3: instrument 1 was A in line 1 already: keep one of them"
        );
    }
}
