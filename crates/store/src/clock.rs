//! Time as the store sees it: whole milliseconds, and a clock that tests can replace.
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z, from then up to 9999-12-30T21:59:59.999Z.
///
/// Milliseconds because that is the finest unit that every backend keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(from = "u64", into = "u64"))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last millisecond whose local time has four digits for the year everywhere on Earth, so that every export
    /// can be read again. Later moments are taken for this one.
    pub const MAX: Self = Self(253_402_207_199_999);

    /// The moment `millis` milliseconds after 1970 began; beyond [`Timestamp::MAX`] it is that.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis).min(Self::MAX)
    }
    /// Milliseconds since 1970 began.
    pub fn as_millis(self) -> u64 {
        self.0
    }
    /// The moment `duration` later, fractions of a millisecond dropped.
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
    /// How long until `later`; nothing if that is past.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl From<u64> for Timestamp {
    fn from(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}
impl From<Timestamp> for u64 {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

/// Tells a store what time it is; expiry and the times of an assignment come from it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// The present moment or one a little earlier, for whoever asks all the time and looks at [`Clock::now`] where a
    /// little might decide.
    fn recent(&self) -> Timestamp {
        self.now()
    }
}

/// The operating system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since_1970)
    }
    /// The system's last tick, up to 10 ms ago: read in a quarter of the time, because nobody asks the processor what has
    /// passed since.
    #[cfg(all(feature = "near-cache", any(target_os = "linux", target_os = "android")))]
    fn recent(&self) -> Timestamp {
        let since_1970 = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let (seconds, nanoseconds) = (u64::try_from(since_1970.tv_sec), u64::try_from(since_1970.tv_nsec));
        Timestamp::from_millis(seconds.unwrap_or(0).saturating_mul(1_000) + nanoseconds.unwrap_or(0) / 1_000_000)
    }
}
