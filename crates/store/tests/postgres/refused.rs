//! What cannot be opened: one clear sentence each, and no secret in it.
use super::{
    rewriting,
    servers::{bare, fresh_schema, now, open, refusal, variable, with},
};
use futures_util::future::join_all;
use stayput::{AssignmentStoreExt, ClaimId, Error, ErrorKind, Key, Kind, Name, Offer, Scope};
use std::{error::Error as _, net::SocketAddr};

const SECRET: &str = "correct-horse";

/// That `error` is of `kind`, says `what`, in one sentence, and nowhere the password.
fn says(error: &Error, kind: ErrorKind, what: &str) {
    let told = error.to_string();
    assert_eq!(error.kind(), kind, "{told}");
    assert!(told.contains(what), "{told:?} does not say {what:?}");
    assert!(!told.contains('\n') && told.len() < 300, "{told}");
    let mut everything = format!("{error:?} {told}");
    let mut cause = error.source();
    while let Some(error) = cause {
        everything.push_str(&format!("{error:?} {error}"));
        cause = error.source();
    }
    assert!(!everything.contains(SECRET) && !everything.contains("hunter2"), "a secret is out: {everything}");
}

pub(crate) async fn what_cannot_be_opened_says_why_in_one_sentence(url: String) {
    use ErrorKind::{Invalid, Refused, Unavailable};
    let (server, _) = url.rsplit_once('/').expect("a database");
    let port = server.rsplit_once(':').expect("a port").1;
    let nobody = url.replace(&format!(":{port}/"), ":1/");
    let cases = [
        (url.replace(SECRET, "hunter2"), Refused, "password authentication failed"),
        (url.replace(&format!(":{SECRET}@"), "@"), Refused, "password"),
        (url.replace("stayput:", "whoever:"), Refused, "password authentication failed"),
        (format!("{server}/absent"), Refused, "database \"absent\" does not exist"),
        (nobody, Unavailable, "Connection refused"),
        (with(&url, "sslmode=require"), Refused, "TLS"),
        (with(&url, "sslmode=maybe"), Invalid, "sslmode must be"),
        (with(&url, "sslrootcert=/nowhere.pem"), Invalid, "sslrootcert"),
        (with(&url, "sslcert=/nowhere.pem"), Invalid, "sslcert and sslkey"),
        (with(&url, "pool=0"), Invalid, "pool must be"),
        (with(&url, "pooler=yes"), Invalid, "pooler must be"),
        (with(&url, "listen=yes"), Invalid, "listen must be off or the URL"),
        (with(&url, &format!("listen=redis%3A%2F%2Fme%3A{SECRET}%40host")), Invalid, "it begins with postgres:"),
        (with(&url, &format!("listen=postgres%3A%2F%2Fme%3A{SECRET}%40host%3Fpool%3D0")), Invalid, "pool must be"),
        (with(&url, "timeout=soon"), Invalid, "timeout must be"),
        (with(&url, "purge=0s"), Invalid, "purge must be"),
        (with(&url, "schema="), Invalid, "schema must be"),
        (with(&url, "hunter2=1"), Invalid, "has no option"),
        (format!("postgres:stayput:{SECRET}"), Invalid, "must look like"),
        (format!("postgres://stayput:{SECRET}@127.0.0.1:notaport/x"), Invalid, "must look like"),
        (format!("postgres://stayput:{SECRET}@/postgres"), Invalid, "names no host"),
    ];
    for (url, kind, what) in cases {
        if url.contains("hunter2=1") {
            assert!(refusal(&url).await.to_string().contains(what)); // an option's name is no secret
        } else {
            says(&refusal(&url).await, kind, what);
        }
    }
    drop(open(&url.replace("postgres://", "postgresql://")).await);
    let (host, rest) = url.split_once('@').expect("a host");
    let user = host.split_once("//").expect("a user").1.split_once(':').expect("a password").0;
    drop(open(&with(&format!("postgres://{rest}"), &format!("user={user}&password={SECRET}"))).await);
}

/// The server is not: what passes says that it is.
pub(crate) async fn a_server_that_is_too_old_is_refused(url: String) {
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    let port = config.get_ports().first().copied().expect("a port");
    let version = "SELECT current_setting('server_version_num')";
    let version: String = bare(&url).await.query_one(version, &[]).await.expect("a version").get(0);
    let through = async |instead: &'static str| {
        let version = version.clone().into_bytes();
        let change = move |bytes: &mut [u8]| rewriting::replace(bytes, &version, instead.as_bytes());
        let old = rewriting::before(SocketAddr::from(([127, 0, 0, 1], port)), change).await;
        url.replace(&format!(":{port}/"), &format!(":{}/", old.port()))
    };
    says(
        &refusal(&through("120099").await).await,
        ErrorKind::Refused,
        "PostgreSQL 12 is too old: Stayput needs 13 or newer",
    );
    drop(open(&through("130000").await).await);
}

pub(crate) async fn a_role_without_privileges_is_told_which(url: String) {
    let (schema, role) = (fresh_schema(), fresh_schema());
    let bare = bare(&url).await;
    bare.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await.expect("a role");
    let theirs = url.replace(&format!("stayput:{SECRET}"), &format!("{role}:hunter2"));
    let theirs = with(&theirs, &format!("schema={schema}"));
    says(&refusal(&theirs).await, ErrorKind::Refused, "lacks a privilege: permission denied for database");
    let store = open(&with(&url, &format!("schema={schema}"))).await;
    says(&refusal(&theirs).await, ErrorKind::Refused, "lacks a privilege: permission denied for schema");
    let grant = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};
         GRANT INSERT ON {schema}.stayput_assignments TO {role}"
    );
    bare.batch_execute(&grant).await.expect("a grant");
    says(&refusal(&theirs).await, ErrorKind::Refused, "GRANT UPDATE, DELETE ON");
    bare.batch_execute(&format!("GRANT UPDATE, DELETE ON {schema}.stayput_assignments TO {role}"))
        .await
        .expect("a grant");
    let without_create = open(&theirs).await;
    let key = Key::new(&Scope::default(), Kind::Classic, "u", "c").expect("legal");
    assert_eq!(without_create.get_one(&key).await.expect("it reads"), None);
    drop((store, without_create));
}

/// The server gives this role two connections, and the pool wants eight.
pub(crate) async fn too_many_connections_are_errors_that_pass(url: String) {
    let role = fresh_schema();
    let admin = bare(&url).await;
    let create = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'correct-horse' CONNECTION LIMIT 2; CREATE SCHEMA {role} AUTHORIZATION {role}"
    );
    admin.batch_execute(&create).await.expect("a role");
    let theirs = with(&url.replace("//stayput:", &format!("//{role}:")), &format!("schema={role}&pool=8&purge=off"));
    let store = open(&theirs).await;
    let offer = |i: usize| {
        let key = Key::new(&Scope::default(), Kind::Classic, &format!("user-{i}"), "c").expect("legal");
        let offer = Offer::new(key, ClaimId::random().expect("random"), now());
        offer.offering(Name::variation("v").expect("legal"))
    };
    let offers: Vec<Offer> = (0..64).map(offer).collect();
    let answers = join_all(offers.iter().map(|offer| store.claim_one(offer))).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(refused > 0, "eight connections found room in two");
    for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.message().contains("too many connections"), "{error}");
    }
    // One at a time there is room: whoever was told an error asks again.
    for offer in &offers {
        assert!(store.claim_one(offer).await.expect("a connection is free").won());
    }
}

pub(crate) async fn certificates_count_as_sslmode_says(url: String) {
    let authority = variable("STAYPUT_TEST_POSTGRES_TLS_CA").expect("given with the URL");
    let folder = authority.rsplit_once('/').expect("a folder").0;
    // The certificate is for 127.0.0.1.
    let named = url.replace("127.0.0.1", "localhost");
    for options in [
        "sslmode=prefer".into(),
        "sslmode=require".into(),
        format!("sslmode=require&sslrootcert={authority}"),
        format!("sslmode=verify-ca&sslrootcert={authority}"),
        format!("sslmode=verify-full&sslrootcert={authority}"),
        format!("sslrootcert={authority}"),
    ] {
        drop(open(&with(&url, &options)).await);
        if !options.contains("verify-full") && options.contains("sslmode") {
            drop(open(&with(&named, &options)).await);
        }
    }
    for (url, options) in [
        (&url, "sslmode=verify-full".to_string()),
        (&url, "sslmode=verify-ca".into()),
        (&named, format!("sslmode=verify-full&sslrootcert={authority}")),
        (&url, format!("sslmode=verify-full&sslrootcert={folder}/stranger.pem")),
        (&url, format!("sslmode=require&sslrootcert={folder}/stranger.pem")),
    ] {
        says(&refusal(&with(url, &options)).await, ErrorKind::Refused, "certificate is not trusted");
    }
    says(&refusal(&with(&url, "sslmode=disable")).await, ErrorKind::Refused, "no encryption");
    let certified = url.replace(&format!("stayput:{SECRET}"), "certified");
    let schema = fresh_schema();
    let with_certificate = format!("sslcert={folder}/certified.pem&sslkey={folder}/certified.key&schema={schema}");
    // The role exists, and may only come with its certificate.
    says(&refusal(&with(&certified, "sslmode=require")).await, ErrorKind::Refused, "did not let us in");
    drop(open(&with(&certified, &format!("sslmode=require&{with_certificate}"))).await);
}
