//! Fields of fixed width in ASCII.

use core::fmt;

/// Bytes of a number.
pub const NUMBER_BYTES: usize = 20;

/// A number, right-aligned behind spaces.
#[must_use]
pub(crate) fn write_number(mut value: u64) -> [u8; NUMBER_BYTES] {
    let mut field = [b' '; NUMBER_BYTES];
    for byte in field.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    field
}

/// Reads a number with spaces or zeros in front and spaces behind; `None` for anything else, and beyond 2^64 - 1.
#[must_use]
pub(crate) fn read_number(field: &[u8; NUMBER_BYTES]) -> Option<u64> {
    let digits = field.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Why a text is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has 1 to {length_max} printable ASCII characters, not {length} bytes of {text:?}")]
pub struct FieldError {
    what: &'static str,
    length_max: usize,
    length: usize,
    text: String,
}

/// `text` within `N` bytes, padded on the right.
fn field<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], FieldError> {
    let printable = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let mut field = [b' '; N];
    match field.get_mut(..text.len()) {
        Some(part) if printable && !text.is_empty() => part.copy_from_slice(text.as_bytes()),
        _ => {
            return Err(FieldError {
                what,
                length_max: N,
                length: text.len(),
                text: text.chars().take(32).collect(),
            });
        }
    }
    Ok(field)
}

/// A session's name. Servers pad it on the left (§2.2.1), clients on the right; the spaces around it say nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionName([u8; 10]);

impl SessionName {
    /// The session that the server is in (§2.3.1).
    pub const CURRENT: Self = Self([b' '; 10]);

    /// A name of at most ten printable characters.
    ///
    /// # Errors
    /// [`FieldError`] for another text.
    pub fn new(name: &str) -> Result<Self, FieldError> {
        field("a session's name", name).map(Self::from_wire)
    }

    /// The name in ten bytes of a packet.
    #[must_use]
    pub fn from_wire(bytes: [u8; 10]) -> Self {
        let name = bytes.trim_ascii();
        let mut aligned = [b' '; 10];
        aligned[10 - name.len()..].copy_from_slice(name);
        Self(aligned)
    }

    /// The ten bytes, the name at their end.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 10] {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.trim_ascii().escape_ascii())
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Who logs in (§2.3.1): padded on the right, and without regard to case.
#[derive(Clone, Copy)]
pub struct Credentials {
    pub(super) username: [u8; 6],
    pub(super) password: [u8; 10],
}

impl Credentials {
    /// A username of at most six and a password of at most ten printable characters.
    ///
    /// # Errors
    /// [`FieldError`] for other texts; that about a password does not show it.
    pub fn new(username: &str, password: &str) -> Result<Self, FieldError> {
        let hidden = |error| FieldError {
            text: "…".to_owned(),
            ..error
        };
        Ok(Self {
            username: field("a username", username)?,
            password: field("a password", password).map_err(hidden)?,
        })
    }

    /// The username without its padding.
    #[must_use]
    pub fn username(&self) -> &[u8] {
        self.username.trim_ascii()
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.username.eq_ignore_ascii_case(&other.username)
            && self.password.eq_ignore_ascii_case(&other.password)
    }
}

impl Eq for Credentials {}

/// Without the password, which belongs in no log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Credentials {{ username: \"{}\", .. }}",
            self.username().escape_ascii()
        )
    }
}
