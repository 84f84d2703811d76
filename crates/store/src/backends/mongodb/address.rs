//! Where the servers are and how they are spoken to: the URL, taken apart.
use super::{NAME, failure, primary};
use crate::{Error, Result, StoreUrl};
use mongodb::options::{Acknowledgment, ClientOptions, SelectionCriteria, Tls, WriteConcern};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// What a URL says.
pub(super) struct Settings {
    pub(super) options: ClientOptions,
    pub(super) database: String,
    pub(super) collection: String,
    pub(super) timeout: Duration,
    /// Where scans read; everything else reads from the primary.
    pub(super) scans: SelectionCriteria,
}

/// Those that are ours, as an error lists them.
const OURS: [&str; 6] = ["retention", "collection", "timeout", "connect", "pool", "and those of every MongoDB URL"];
/// Those that every MongoDB URL knows and the client library reads itself.
const PASSED_ON: [&str; 28] = [
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "directConnection",
    "heartbeatFrequencyMS",
    "journal",
    "loadBalanced",
    "localThresholdMS",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxStalenessSeconds",
    "minPoolSize",
    "readConcernLevel",
    "readPreference",
    "readPreferenceTags",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "w",
    "wtimeoutMS",
];

impl Settings {
    pub(super) async fn from_url(mut url: StoreUrl) -> Result<Self> {
        let timeout = url.duration("timeout")?.unwrap_or(Duration::from_secs(2));
        let connect = url.duration("connect")?.unwrap_or(Duration::from_secs(2));
        let pool = match url.option("pool").map(|text| text.parse()) {
            Some(Ok(connections @ 1..=1_000)) => connections,
            Some(_) => return Err(Error::invalid("pool", "pool must be a number of connections from 1 to 1000")),
            None => 16,
        };
        let collection = url.option("collection").unwrap_or_else(|| "stayput_assignments".into());
        if collection.is_empty() || collection.len() > 120 || collection.contains(['$', '\0']) {
            return Err(Error::invalid("collection", "collection must be 1 to 120 bytes without $"));
        }
        let text = text(&mut url)?;
        url.finish(&OURS)?;
        // The library's errors may quote the URL, hence only the form is told.
        let mut options = ClientOptions::parse(&text).await.map_err(|error| failure::of_address(&error))?;
        options.app_name.get_or_insert_with(|| "stayput".into());
        options.connect_timeout = Some(connect);
        options.max_pool_size = Some(pool);
        // A little less than the operation has, so that it ends with the reason and not only with its time.
        options.server_selection_timeout = Some(timeout * 9 / 10);
        let concern = options.write_concern.get_or_insert_default();
        acknowledged(concern)?;
        let scans = options.selection_criteria.replace(primary()).unwrap_or_else(primary);
        if matches!(options.tls, Some(Tls::Enabled(_))) {
            // The client library uses the process's provider, and panics if it would have to choose between two. Fails
            // only if the process has chosen already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let database = options.default_database.clone().unwrap_or_else(|| NAME_OF_DATABASE.into());
        Ok(Self { options, database, collection, timeout, scans })
    }
}

/// Where the URL names none.
const NAME_OF_DATABASE: &str = "stayput";

/// What is told to be stored must be.
fn acknowledged(concern: &mut WriteConcern) -> Result<()> {
    if concern.w == Some(Acknowledgment::Nodes(0)) {
        return Err(Error::invalid(
            "w",
            "w=0 would lose claims without a word: leave it out, or say w=1 or w=majority",
        ));
    }
    concern.w.get_or_insert(Acknowledgment::Majority);
    Ok(())
}

/// The URL without what is ours.
fn text(url: &mut StoreUrl) -> Result<String> {
    let place = url.raw_place().strip_prefix("//").filter(|place| !place.is_empty());
    let place = place.ok_or_else(failure::malformed)?;
    let (hosts, database) = place.rsplit_once('/').unwrap_or((place, ""));
    let mut text = format!("{}://{hosts}/{database}", url.scheme());
    let mut joint = '?';
    for name in PASSED_ON {
        if let Some(value) = url.option(name) {
            text.push_str(&format!("{joint}{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
            joint = '&';
        }
    }
    Ok(text)
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({NAME}:…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::options::ReadPreference;

    async fn settings(url: &str) -> Result<Settings> {
        Settings::from_url(StoreUrl::parse(url).expect("a URL")).await
    }

    #[tokio::test]
    async fn writes_reach_a_majority_unless_the_url_says_otherwise() {
        let concern = async |url| settings(url).await.expect("legal").options.write_concern.expect("there is one");
        assert_eq!(concern("mongodb://a,b,c/x").await.w, Some(Acknowledgment::Majority));
        let told = concern("mongodb://a/x?w=2&journal=true&wtimeoutMS=700").await;
        assert_eq!((told.w, told.journal), (Some(Acknowledgment::Nodes(2)), Some(true)));
        assert_eq!(told.w_timeout, Some(Duration::from_millis(700)));
        let told = concern("mongodb://a/x?journal=true").await;
        assert_eq!((told.w, told.journal), (Some(Acknowledgment::Majority), Some(true)));
        assert!(settings("mongodb://a/x?w=0").await.is_err());
    }

    #[tokio::test]
    async fn only_scans_leave_the_primary() {
        let settings = settings("mongodb://a,b/x?readPreference=secondaryPreferred&readConcernLevel=majority").await;
        let Settings { options, scans, .. } = settings.expect("legal");
        assert_eq!(options.selection_criteria, Some(primary()));
        let SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { .. }) = scans else {
            panic!("scans read from {scans:?}");
        };
        assert_eq!(options.read_concern, Some(mongodb::options::ReadConcern::majority()));
    }

    #[tokio::test]
    async fn a_password_may_hold_any_letter_and_servers_are_found_in_time() {
        let settings = settings("mongodb://me:a%40b%2Fc@a:1,b:2/x?authSource=admin&timeout=1s").await.expect("legal");
        let credential = settings.options.credential.expect("a login");
        assert_eq!(credential.password.as_deref(), Some("a@b/c"));
        assert_eq!((settings.options.hosts.len(), settings.database.as_str()), (2, "x"));
        assert!(settings.options.server_selection_timeout < Some(settings.timeout));
    }
}
