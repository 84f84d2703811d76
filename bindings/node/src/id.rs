//! An id as JavaScript hands it over: short ones are copied once, to the stack.
use napi::{Result, Status, bindgen_prelude::FromNapiValue, sys};

/// With the zero that ends it, and room for one more letter of four bytes: what fills it may have been cut off.
const SHORT: usize = 128;

pub(crate) enum Id {
    Short([u8; SHORT], usize),
    Long(String),
}

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Short(bytes, length) => {
                bytes.get(..*length).and_then(|id| str::from_utf8(id).ok()).unwrap_or_default()
            }
            Self::Long(id) => id,
        }
    }
}

#[expect(unsafe_code, reason = "only Node knows what its value is")]
impl FromNapiValue for Id {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (mut bytes, mut length) = ([0; SHORT], 0);
        // SAFETY: Node writes at most as many bytes as it is told that there are.
        match unsafe { sys::napi_get_value_string_utf8(env, value, bytes.as_mut_ptr().cast(), SHORT, &mut length) } {
            sys::Status::napi_ok if length < SHORT - 4 => Ok(Self::Short(bytes, length)),
            // SAFETY: as the caller promises.
            sys::Status::napi_ok => Ok(Self::Long(unsafe { String::from_napi_value(env, value) }?)),
            _ => Err(napi::Error::new(Status::StringExpected, "an id must be text")),
        }
    }
}
