//! How numbers, sizes, times and modes are written.
use std::time::Duration;

/// A number of things, at least one.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
    count.ok_or_else(|| format!("a whole number from 1 to {MOST} is needed"))
}
const MOST: usize = 1_000_000;

/// A number of threads.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=1024).contains(threads));
    threads.ok_or_else(|| "a whole number from 1 to 1024 is needed".to_owned())
}

/// A number of bytes: `512`, `64KiB`, `1MiB`, `2GiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|char: char| !char.is_ascii_digit());
    let factor = match text.get(digits.len()..).unwrap_or_default().trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(factor)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "a size such as 512, 64KiB or 1MiB is needed".to_owned())
}

/// A length of time: `500ms`, `30s`, `5m`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).ok();
    let span = span.filter(|span| (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(span));
    span.ok_or_else(|| "a length of time from 1ms to 1day such as 500ms, 30s or 5m is needed".to_owned())
}

/// The mode of a socket: `660`.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "a mode from 000 to 777 such as 600, 660 or 666 is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{count, mode, size, span, threads};
    use std::time::Duration;

    #[test]
    fn values_are_read_as_written_and_nothing_else_is_taken() {
        assert_eq!((size("512"), size("64KiB"), size("1 MiB")), (Ok(512), Ok(65_536), Ok(1_048_576)));
        assert_eq!((span("500ms"), span("5m")), (Ok(Duration::from_millis(500)), Ok(Duration::from_secs(300))));
        assert_eq!((mode("660"), mode("7")), (Ok(0o660), Ok(7)));
        assert_eq!((count("7"), threads("7")), (Ok(7), Ok(7)));
        for wrong in ["", "0", "-1", "1MB", "MiB", "1.5MiB", "99999999999GiB", "1 kib"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0s", "5", "forever", "2days"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "8", "1000", "rw"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0", "-1", "many", "1000001"] {
            assert!(count(wrong).is_err() && threads(wrong).is_err(), "{wrong}");
        }
    }
}
