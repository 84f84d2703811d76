//! TLS as `sslmode` says it, with the meanings that libpq gave its words.
use crate::{Error, Result, StoreUrl};
use deadpool_postgres::tokio_postgres::config::SslMode;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What of a server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Anyone,
    Authority,
    AuthorityAndName,
}

/// Takes `sslmode`, `sslrootcert`, `sslcert` and `sslkey`.
///
/// | sslmode | encrypted | the server is who it says |
/// |---|---|---|
/// | `disable` | no | |
/// | `prefer`, if nothing is said | if the server can | not verified |
/// | `require` | yes | not verified; with `sslrootcert`, as `verify-ca` |
/// | `verify-ca` | yes | its certificate comes from the authority |
/// | `verify-full`, if only `sslrootcert` is given | yes | and is for this host |
///
/// The authority is in the file `sslrootcert`, or the operating system's are trusted.
pub(super) fn from_url(url: &mut StoreUrl) -> Result<(SslMode, MakeRustlsConnect)> {
    let authority = url.option("sslrootcert").filter(|file| file != "system");
    let mode = url.option("sslmode");
    let (mode, trust) = match (mode.as_deref(), &authority) {
        (Some("disable"), _) => (SslMode::Disable, Trust::Anyone),
        (Some("prefer"), _) | (None, None) => (SslMode::Prefer, Trust::Anyone),
        (Some("require"), None) => (SslMode::Require, Trust::Anyone),
        (Some("require"), Some(_)) | (Some("verify-ca"), _) => (SslMode::Require, Trust::Authority),
        (Some("verify-full"), _) | (None, Some(_)) => (SslMode::Require, Trust::AuthorityAndName),
        (Some(_), _) => {
            let message = "sslmode must be disable, prefer, require, verify-ca or verify-full";
            return Err(Error::invalid("sslmode", message));
        }
    };
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| unusable("sslmode", &error))?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(Lenient { inner: None, provider }),
        trust => {
            let roots = Arc::new(roots(authority.as_deref())?);
            let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
            let inner = inner.map_err(|error| unusable("sslrootcert", &error))?;
            match trust {
                Trust::AuthorityAndName => inner,
                _ => Arc::new(Lenient { inner: Some(inner), provider }),
            }
        }
    };
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    let config = match (url.option("sslcert"), url.option("sslkey")) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("sslkey", &error))?;
            let config = config.with_client_auth_cert(certificates("sslcert", &certificate)?, key);
            config.map_err(|error| unusable("sslcert", &error))?
        }
        (None, None) => config.with_no_client_auth(),
        _ => return Err(Error::invalid("sslcert", "sslcert and sslkey are given together")),
    };
    Ok((mode, MakeRustlsConnect::new(config)))
}

fn roots(file: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let trusted = match file {
        Some(file) => certificates("sslrootcert", file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(trusted);
    match roots.is_empty() {
        true => Err(Error::invalid("sslrootcert", "there is no authority to trust: give sslrootcert=FILE")),
        false => Ok(roots),
    }
}

fn certificates(option: &'static str, file: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().map_err(|error| unusable(option, &error))?;
    match certificates.is_empty() {
        true => Err(Error::invalid(option, format!("{option} names a file without a certificate"))),
        false => Ok(certificates),
    }
}

fn unusable(option: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(option, format!("{option} cannot be used: {error}"))
}

/// Verifies the authority but not the name, or nothing at all.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last: everything else is in order then.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
