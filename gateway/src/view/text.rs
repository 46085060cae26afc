//! Words and numbers as people read them.

/// `text` without anything that a terminal or a browser would obey: control characters, line ends, marks that turn the
/// direction of writing, and characters that nobody sees are written as `\u{…}`.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Unicode's Default_Ignorable_Code_Point, and the marks between lines and of annotations.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A count in at most five characters and a unit: `999`, `12.3k`, `4.56M`.
#[must_use]
pub fn count(value: u64) -> String {
    if value < 10_000 {
        return value.to_string();
    }
    scaled(value as f64)
}

/// A rate in at most five characters and a unit; `-` where it is not known yet.
#[must_use]
pub fn rate(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 9_999.5 => scaled(value),
        Some(value) if value >= 9.95 || value == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

fn scaled(value: f64) -> String {
    const UNITS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let (mut value, mut unit) = (value, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{}{}", three_digits(value), UNITS[unit])
}

fn three_digits(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A duration in nanoseconds, in three digits and its unit: `838 ns`, `41.3 µs`, `7.60 ms`.
#[must_use]
pub fn duration_ns(nanos: u64) -> String {
    let value = nanos as f64;
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        // What would round to a thousand has the next unit.
        1_000..999_500 => format!("{} µs", three_digits(value / 1e3)),
        999_500..999_500_000 => format!("{} ms", three_digits(value / 1e6)),
        _ => seconds(value / 1e9),
    }
}

/// A time in seconds, to the two largest units: `0.4 s`, `12 s`, `3 min 20 s`, `4 h 2 min`, `3 d 4 h`.
#[must_use]
pub fn seconds(value: f64) -> String {
    let whole = if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    } as u64;
    match whole {
        0..10 => format!("{value:.1} s"),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(clean("Zürich A-1"), "Zürich A-1");
        assert_eq!(clean("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(clean("two\nlines\t"), "two\\nlines\\t");
        assert_eq!(clean("\u{202e}evil\u{200b}"), "\\u{202e}evil\\u{200b}");
        assert_eq!(clean("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn numbers_have_three_digits_and_the_right_unit() {
        let counts = [0, 9_999, 10_000, 999_499, 999_500, 12_345_678, u64::MAX].map(count);
        assert_eq!(
            counts,
            ["0", "9999", "10.0k", "999k", "1.00M", "12.3M", "18447P"]
        );
        let rates = [None, Some(0.0), Some(0.26), Some(9.96), Some(123_456.0)].map(rate);
        assert_eq!(rates, ["-", "0", "0.3", "10", "123k"]);
        let times = [
            0,
            838,
            999,
            41_300,
            999_499,
            999_500,
            7_600_000,
            2_000_000_000,
        ];
        assert_eq!(
            times.map(duration_ns),
            [
                "0 ns", "838 ns", "999 ns", "41.3 µs", "999 µs", "1.00 ms", "7.60 ms", "2.0 s"
            ]
        );
        let ages = [0.42, 12.9, 200.0, 14_520.0, 273_600.0].map(seconds);
        assert_eq!(
            ages,
            ["0.4 s", "12 s", "3 min 20 s", "4 h 2 min", "3 d 4 h"]
        );
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_and_nothing_else_is_touched(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(is_harmful));
            if !text.chars().any(is_harmful) {
                prop_assert_eq!(cleaned, text);
            }
        }

        #[test]
        fn numbers_stay_short(value in any::<u64>(), real in 0.0..1e19) {
            prop_assert!(count(value).len() <= 6, "{}", count(value));
            prop_assert!(rate(Some(real)).len() <= 6, "{}", rate(Some(real)));
            prop_assert!(duration_ns(value).chars().count() <= 15, "{}", duration_ns(value));
        }
    }
}
