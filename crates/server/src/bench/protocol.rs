//! What is sent, and how long an answer is, for the protocols that are compared.
use super::Population;
use std::io::Write;

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It read.
    Get,
    /// It wrote.
    Claim,
}

/// Requests as bytes, and answers.
pub trait Protocol {
    /// Appends the next request.
    fn ask(&mut self, bytes: &mut Vec<u8>) -> Asked;
    /// The length of the answer that `bytes` begin with; `None` if it is not complete, and what is wrong with it
    /// otherwise.
    fn answered(&self, bytes: &[u8]) -> Result<Option<usize>, String>;
}

impl Protocol for Box<dyn Protocol> {
    fn ask(&mut self, bytes: &mut Vec<u8>) -> Asked {
        (**self).ask(bytes)
    }
    fn answered(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        (**self).answered(bytes)
    }
}

/// Stayput's own: `GET` and `PUT` of one assignment, or `POST /v1/get` of many.
#[derive(Clone, Debug)]
pub struct Http {
    /// Who is asked for.
    pub population: Population,
    /// How many of a hundred requests claim.
    pub claims: u8,
    /// Claims are for users who were never seen, from this one on; otherwise for those who are asked for.
    pub newcomers: Option<u64>,
    /// More than none: so many campaigns of one user are read in one request.
    pub batch: usize,
}

/// What a plain record store on Redis does: `GET` and `SET` of the same record.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Who is asked for.
    pub population: Population,
    /// How many of a hundred requests write.
    pub sets: u8,
    /// Writes are for users in turn, from this one on; otherwise for those who are asked for.
    pub newcomers: Option<u64>,
}

const CAMPAIGN: &str = "checkout-button";
const VARIATION: &str = "Variation-1";

impl Http {
    /// The campaign that is claimed, or the first of a batch.
    pub const CAMPAIGN: &str = CAMPAIGN;
    /// The variation that is claimed.
    pub const VARIATION: &str = VARIATION;

    /// The campaigns of a batch.
    pub fn campaign(number: usize) -> String {
        if number == 0 { CAMPAIGN.to_owned() } else { format!("{CAMPAIGN}-{number}") }
    }
}

impl Protocol for Http {
    fn ask(&mut self, bytes: &mut Vec<u8>) -> Asked {
        let (user, claims) = drawn(&mut self.population, self.claims, &mut self.newcomers);
        if self.batch > 0 {
            let keys: Vec<String> = (0..self.batch)
                .map(|at| format!(r#"{{"userId":"{user}","campaignKey":"{}"}}"#, Self::campaign(at)))
                .collect();
            let body = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
            append(
                bytes,
                format_args!("POST /v1/get HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
            );
            return Asked::Get;
        }
        if claims {
            const BODY: &str = r#"{"variationName":"Variation-1"}"#;
            let head = format_args!(
                "PUT /v1/users/{user}/campaigns/{CAMPAIGN} HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            append(bytes, head);
            return Asked::Claim;
        }
        append(bytes, format_args!("GET /v1/users/{user}/campaigns/{CAMPAIGN} HTTP/1.1\r\nhost: bench\r\n\r\n"));
        Asked::Get
    }

    fn answered(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(head) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let (head, body) = (bytes.get(..head).unwrap_or_default(), head + 4);
        if !matches!(head.get(9..12), Some(b"200" | b"404")) {
            return Err(String::from_utf8_lossy(bytes).into_owned());
        }
        let length = find(head, b"content-length: ").and_then(|at| number(head.get(at + 16..)?));
        let Some(length) = length else { return Err("an answer does not tell its length".into()) };
        Ok(Some(body + length).filter(|whole| *whole <= bytes.len()))
    }
}

impl Protocol for Redis {
    fn ask(&mut self, bytes: &mut Vec<u8>) -> Asked {
        let (user, writes) = drawn(&mut self.population, self.sets, &mut self.newcomers);
        let key = format!("{user}:{CAMPAIGN}");
        if !writes {
            append(bytes, format_args!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len()));
            return Asked::Get;
        }
        let record = format!(r#"{{"userId":"{user}","campaignKey":"{CAMPAIGN}","variationName":"{VARIATION}"}}"#);
        let (keys, records) = (key.len(), record.len());
        append(bytes, format_args!("*3\r\n$3\r\nSET\r\n${keys}\r\n{key}\r\n${records}\r\n{record}\r\n"));
        Asked::Claim
    }

    fn answered(&self, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Some(line) = find(bytes, b"\r\n") else { return Ok(None) };
        match bytes.first() {
            Some(b'+') => Ok(Some(line + 2)),
            Some(b'$') if bytes.get(1) == Some(&b'-') => Ok(Some(line + 2)),
            Some(b'$') => {
                let length = number(bytes.get(1..).unwrap_or_default()).ok_or("Redis answered without a length")?;
                Ok(Some(line + 2 + length + 2).filter(|whole| *whole <= bytes.len()))
            }
            _ => Err(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// Who comes next, and whether to write.
fn drawn(population: &mut Population, percent: u8, newcomers: &mut Option<u64>) -> (String, bool) {
    let writes = percent > 0 && population.chance(percent);
    let user = match newcomers {
        Some(next) if writes => {
            *next += 1;
            *next - 1
        }
        _ => population.draw(),
    };
    (Population::id(user), writes)
}

fn append(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = bytes.write_fmt(text);
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

fn number(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let mut number = None;
    for digit in digits {
        number = Some(number.unwrap_or(0usize).checked_mul(10)?.checked_add(usize::from(digit - b'0'))?);
    }
    number
}

#[cfg(test)]
mod tests {
    use super::{Http, Protocol, Redis};
    use crate::bench::{Population, Spread};

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let population = Population::new(1, Spread::Uniform, 1);
        let http = Http { population: population.clone(), claims: 0, newcomers: None, batch: 0 };
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: x\r\n\r\n{}";
        assert_eq!(http.answered(whole), Ok(Some(whole.len())));
        assert_eq!(http.answered(&whole[..whole.len() - 1]), Ok(None));
        assert_eq!(http.answered(&[whole.as_slice(), b"HTTP"].concat()), Ok(Some(whole.len())));
        assert!(http.answered(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
        let redis = Redis { population, sets: 0, newcomers: None };
        assert_eq!(redis.answered(b"$3\r\nabc\r\n"), Ok(Some(9)));
        assert_eq!(redis.answered(b"$3\r\nabc\r"), Ok(None));
        assert_eq!(redis.answered(b"$-1\r\n"), Ok(Some(5)));
        assert_eq!(redis.answered(b"+OK\r\n"), Ok(Some(5)));
        assert!(redis.answered(b"-LOADING\r\n").is_err());
    }
}
