//! Simple Binary Encoding as MDP 3.0 uses it: message headers, blocks of fields, repeating groups, and the rules by which
//! schema versions extend each other.
//!
//! - A block's length is told in the message. One that is longer than this program knows is of a newer version: what is
//!   behind the known fields is stepped over.
//! - A field that a later version added is absent where the message's version is older, or where the block ends before
//!   it. A block that ends within the fields which every version has is no block of that kind.
//! - A group that a later version added is empty where the version is older, and where the message ends before it (CME
//!   leaves out a last group without entries).
//! - A group's entries are checked against the bytes that are there when the message is viewed, so that walking them
//!   needs no further check and never goes on for longer than the message.
//!
//! `macro_rules!` turns the description of the templates (`schema`) into views, writers, and a description as data that a test
//! compares with CME's XML. No generator: those that there are (SBE's own tool, the crates `sbe_gen` and `ironsbe`) read that XML,
//! which is CME's and not ours to ship, and their readers index the buffer unchecked or panic where a block is short.

use std::marker::PhantomData;

/// How a field is read from, and written to, exactly `SIZE` bytes, little-endian.
pub trait Field {
    /// Bytes on the wire.
    const SIZE: usize;
    /// Whether one value says that there is none.
    const OPTIONAL: bool = false;
    /// What it is in a program.
    type Value: Copy + Default + PartialEq + std::fmt::Debug;

    /// Reads it from `SIZE` bytes.
    fn read(bytes: &[u8]) -> Self::Value;

    /// Writes it to `SIZE` bytes.
    fn write(value: Self::Value, bytes: &mut [u8]);
}

/// A number whose highest value says that there is none.
#[derive(Debug)]
pub struct Opt<T>(PhantomData<T>);

/// Text in a field of `N` bytes, filled up with zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize>(pub [u8; N]);

impl<const N: usize> Text<N> {
    /// `text`, cut where it does not fit.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The text without its padding.
    #[must_use]
    pub fn trimmed(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(N);
        self.0[..end].trim_ascii()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> std::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.trimmed().escape_ascii())
    }
}

impl<const N: usize> Field for Text<N> {
    const SIZE: usize = N;
    type Value = Self;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Self(array)
    }

    fn write(value: Self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&value.0);
    }
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl Field for $type {
            const SIZE: usize = size_of::<$type>();
            type Value = $type;

            #[inline(always)]
            fn read(bytes: &[u8]) -> $type {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                <$type>::from_le_bytes(array)
            }

            #[inline(always)]
            fn write(value: $type, bytes: &mut [u8]) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }

        impl Field for Opt<$type> {
            const SIZE: usize = size_of::<$type>();
            const OPTIONAL: bool = true;
            type Value = Option<$type>;

            #[inline(always)]
            fn read(bytes: &[u8]) -> Option<$type> {
                let value = <$type as Field>::read(bytes);
                (value != <$type>::MAX).then_some(value)
            }

            #[inline(always)]
            fn write(value: Option<$type>, bytes: &mut [u8]) {
                <$type as Field>::write(value.unwrap_or(<$type>::MAX), bytes);
            }
        }
    )* };
}

integers!(u8, i8, u16, i16, u32, i32, u64, i64);

/// What stands in front of every message ("messageHeader").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the root block.
    pub block_length: u16,
    /// Which template the message follows.
    pub template_id: u16,
    /// Which schema the template is of.
    pub schema_id: u16,
    /// The schema's version.
    pub version: u16,
}

impl Header {
    /// Bytes of a header.
    pub const BYTES: usize = 8;

    /// Splits a message into its header and what follows; `None` if it is shorter than a header.
    #[must_use]
    #[inline(always)]
    pub fn split(message: &[u8]) -> Option<(Self, &[u8])> {
        let (bytes, body) = message.split_first_chunk::<{ Self::BYTES }>()?;
        let header = Self {
            block_length: u16::from_le_bytes([bytes[0], bytes[1]]),
            template_id: u16::from_le_bytes([bytes[2], bytes[3]]),
            schema_id: u16::from_le_bytes([bytes[4], bytes[5]]),
            version: u16::from_le_bytes([bytes[6], bytes[7]]),
        };
        Some((header, body))
    }

    /// The header's bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let fields = [
            self.block_length,
            self.template_id,
            self.schema_id,
            self.version,
        ];
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.chunks_exact_mut(2).zip(fields) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        bytes
    }
}

/// A block of fields: the root of a message, or one entry of a group.
pub trait Block<'a>: Copy {
    /// Bytes up to the end of the fields that every version has.
    const REQUIRED: usize;
    /// The block's description.
    const SPEC: BlockSpec;

    /// Views `block` of a message of that version; `None` if it is shorter than [`REQUIRED`](Self::REQUIRED).
    fn view(block: &'a [u8], version: u16) -> Option<Self>;
}

/// What a block's writer does.
pub trait WriteBlock {
    /// The block's description.
    const SPEC: BlockSpec;

    /// Writes the fields that `version` has and that fit, into `block`.
    fn write(&self, version: u16, block: &mut [u8]);
}

/// Bytes of a group's header of a length and an 8-bit count ("groupSize").
pub const GROUP: usize = 3;
/// Bytes of a group's header that is filled up to eight ("groupSize8Byte").
pub const GROUP_8: usize = 8;

/// The entries of a repeating group.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, B> {
    entries: &'a [u8],
    block_length: usize,
    version: u16,
    kind: PhantomData<B>,
}

impl<'a, B: Block<'a>> Group<'a, B> {
    /// Splits the group off `body`, whose header has `HEADER` bytes, the count in the last of them. `None` where the
    /// group is cut, or its entries are too short.
    #[inline(always)]
    pub fn split<const HEADER: usize>(
        body: &'a [u8],
        version: u16,
        since: u16,
    ) -> Option<(Self, &'a [u8])> {
        if version < since || body.is_empty() {
            let none = Self {
                entries: &[],
                block_length: 0,
                version,
                kind: PhantomData,
            };
            return Some((none, body));
        }
        let (header, rest) = body.split_first_chunk::<HEADER>()?;
        let block_length = usize::from(u16::from_le_bytes([header[0], header[1]]));
        let count = usize::from(header[HEADER - 1]);
        let (entries, rest) = rest.split_at_checked(block_length * count)?;
        if count > 0 && block_length < B::REQUIRED {
            return None;
        }
        let group = Self {
            entries,
            block_length,
            version,
            kind: PhantomData,
        };
        Some((group, rest))
    }

    /// How many entries there are.
    #[must_use]
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.entries
            .len()
            .checked_div(self.block_length)
            .unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at `index`, from 0.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<B> {
        let start = index.checked_mul(self.block_length)?;
        let entry = self.entries.get(start..)?.get(..self.block_length)?;
        B::view(entry, self.version)
    }

    /// The last entry.
    #[must_use]
    #[inline(always)]
    pub fn last(&self) -> Option<B> {
        let start = self.entries.len().checked_sub(self.block_length)?;
        B::view(self.entries.get(start..)?, self.version)
    }

    /// The entries in order; [`Entries::rest`] tells what is still to come.
    #[must_use]
    #[inline(always)]
    pub const fn iter(&self) -> Entries<'a, B> {
        Entries { rest: *self }
    }
}

impl<'a, B: Block<'a>> IntoIterator for Group<'a, B> {
    type Item = B;
    type IntoIter = Entries<'a, B>;

    #[inline(always)]
    fn into_iter(self) -> Entries<'a, B> {
        self.iter()
    }
}

/// Walks a group's entries.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a, B> {
    rest: Group<'a, B>,
}

impl<'a, B: Block<'a>> Entries<'a, B> {
    /// The entries that are still to come.
    #[must_use]
    #[inline(always)]
    pub const fn rest(&self) -> Group<'a, B> {
        self.rest
    }
}

impl<'a, B: Block<'a>> Iterator for Entries<'a, B> {
    type Item = B;

    #[inline(always)]
    fn next(&mut self) -> Option<B> {
        let (entry, rest) = self.rest.entries.split_at_checked(self.rest.block_length)?;
        self.rest.entries = rest;
        // Without entries the length is 0, and so is the view: too short.
        B::view(entry, self.rest.version)
    }
}

/// A field's description.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its name.
    pub name: &'static str,
    /// Where in its block it begins.
    pub offset: usize,
    /// Its bytes.
    pub size: usize,
    /// Whether one value says that there is none.
    pub optional: bool,
    /// The schema version that added it; 0: one that is older than all that this module reads.
    pub since: u16,
}

/// A block's description.
#[derive(Clone, Copy, Debug)]
pub struct BlockSpec {
    /// Its length, from which version on. The first is from version 0.
    pub lengths: &'static [(u16, usize)],
    /// Its fields.
    pub fields: &'static [FieldSpec],
}

impl BlockSpec {
    /// The block's length in `version`.
    #[must_use]
    pub fn length(&self, version: u16) -> usize {
        let known = self.lengths.iter().rev();
        known
            .clone()
            .find(|(since, _)| *since <= version)
            .map_or(0, |(_, length)| *length)
    }
}

/// A group's description.
#[derive(Clone, Copy, Debug)]
pub struct GroupSpec {
    /// Bytes of its header: [`GROUP`] or [`GROUP_8`].
    pub header: usize,
    /// The schema version that added it, as in [`FieldSpec::since`].
    pub since: u16,
    /// Its entries.
    pub entry: BlockSpec,
}

/// A template's description.
#[derive(Clone, Copy, Debug)]
pub struct TemplateSpec {
    /// Its number.
    pub id: u16,
    /// The decimal places of its prices.
    pub decimals: u8,
    /// Its root block.
    pub root: BlockSpec,
    /// Its groups in order.
    pub groups: &'static [GroupSpec],
}

/// Whether `version` has what `since` added.
#[inline(always)]
pub(super) const fn has(version: u16, since: u16) -> bool {
    version >= since
}

/// The greatest of some lengths.
pub(super) const fn greatest(lengths: &[usize]) -> usize {
    let (mut greatest, mut at) = (0, 0);
    while at < lengths.len() {
        if lengths[at] > greatest {
            greatest = lengths[at];
        }
        at += 1;
    }
    greatest
}

/// `0`, or the version given.
macro_rules! since_or_zero {
    () => {
        0
    };
    ($since:literal) => {
        $since
    };
}

/// Where a field ends that every version has; 0 for one that was added.
macro_rules! required_end {
    ($offset:literal $type:ty) => {
        $offset + <$type as Field>::SIZE
    };
    ($offset:literal $type:ty; $since:literal) => {
        0
    };
}

macro_rules! getter {
    ($offset:literal $field:ident $type:ty) => {
        #[doc = concat!("`", stringify!($field), "`, at byte ", $offset, ".")]
        #[must_use]
        #[inline(always)]
        pub fn $field(&self) -> <$type as Field>::Value {
            <$type as Field>::read(&self.required[$offset..$offset + <$type as Field>::SIZE])
        }
    };
    ($offset:literal $field:ident $type:ty; $since:literal) => {
        #[doc = concat!("`", stringify!($field), "`, at byte ", $offset, " since version ", $since, "; `None` where it is absent.")]
        #[must_use]
        #[inline(always)]
        pub fn $field(&self) -> Option<<$type as Field>::Value> {
            if self.version < $since {
                return None;
            }
            self.block.get($offset..$offset + <$type as Field>::SIZE).map(<$type as Field>::read)
        }
    };
}

/// Describes blocks: a name and its writer's, the length (and the lengths of later versions), then the fields with their
/// offsets, in order.
macro_rules! blocks {
    ($(
        $(#[$doc:meta])*
        $name:ident $writer:ident: $length:literal $(, $later:literal since $later_since:literal)* {
            $( $offset:literal $field:ident: $type:ty $(; since $since:literal)?, )*
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            required: &'a [u8; sbe::greatest(&[$( required_end!($offset $type $(; $since)?) ),*])],
            #[allow(dead_code, reason = "not every block was extended")]
            block: &'a [u8],
            #[allow(dead_code, reason = "not every block was extended")]
            version: u16,
        }

        impl $name<'_> {
            const FIELDS: &'static [FieldSpec] = &[$( FieldSpec {
                name: stringify!($field),
                offset: $offset,
                size: <$type as Field>::SIZE,
                optional: <$type as Field>::OPTIONAL,
                since: since_or_zero!($($since)?),
            } ),*];
            const LENGTHS: &'static [(u16, usize)] = &[(0, $length) $(, ($later_since, $later))*];

            $( getter!($offset $field $type $(; $since)?); )*
        }

        impl<'a> Block<'a> for $name<'a> {
            const REQUIRED: usize = sbe::greatest(&[$( required_end!($offset $type $(; $since)?) ),*]);
            const SPEC: BlockSpec = BlockSpec { lengths: $name::LENGTHS, fields: $name::FIELDS };

            #[inline(always)]
            fn view(block: &'a [u8], version: u16) -> Option<Self> {
                block.first_chunk().map(|required| Self { required, block, version })
            }
        }

        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $( .field(stringify!($field), &self.$field()) )*
                    .finish()
            }
        }

        #[doc = concat!("Writes a [`", stringify!($name), "`]: what simulators publish and tests feed.")]
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $writer {
            $(
                #[doc = concat!("`", stringify!($field), "`.")]
                pub $field: <$type as Field>::Value,
            )*
        }

        impl WriteBlock for $writer {
            const SPEC: BlockSpec = BlockSpec { lengths: $name::LENGTHS, fields: $name::FIELDS };

            fn write(&self, version: u16, block: &mut [u8]) {
                $(
                    if sbe::has(version, since_or_zero!($($since)?))
                        && let Some(place) = block.get_mut($offset..$offset + <$type as Field>::SIZE)
                    {
                        <$type as Field>::write(self.$field, place);
                    }
                )*
            }
        }

        // The fields stand in order and end within the block.
        const _: () = {
            let end = 0;
            $(
                assert!($offset >= end);
                let end = $offset + <$type as Field>::SIZE;
            )*
            let longest = $length;
            $( let longest = if $later > longest { $later } else { longest }; )*
            assert!(end <= longest);
        };
    )* };
}

/// Describes messages: their root block, groups (with the header's length and the version that added them), and which
/// templates they are, each with the decimal places of its prices.
macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident: $root:ident { $( $group:ident: $entry:ident[$header:ident] $(since $since:literal)?, )* }
            = $( $id:literal: $decimals:literal ),+;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name<'a> {
                /// The root block.
                pub root: $root<'a>,
                $(
                    #[doc = concat!("The group `", stringify!($group), "`.")]
                    pub $group: Group<'a, $entry<'a>>,
                )*
            }

            impl<'a> $name<'a> {
                /// Views a message of one of these templates; `None` if it is cut, or a block is too short.
                #[inline(always)]
                pub fn parse(header: &Header, body: &'a [u8]) -> Option<Self> {
                    let (root, rest) = body.split_at_checked(header.block_length.into())?;
                    let root = $root::view(root, header.version)?;
                    $(
                        let ($group, rest) = Group::split::<{ sbe::$header }>(
                            rest, header.version, since_or_zero!($($since)?),
                        )?;
                    )*
                    let _ = rest;
                    Some(Self { root, $( $group, )* })
                }
            }
        )*

        /// Every template that this module knows.
        pub static TEMPLATES: &[TemplateSpec] = &[$( $( TemplateSpec {
            id: $id,
            decimals: $decimals,
            root: <$root<'static> as Block<'static>>::SPEC,
            groups: messages!(@groups $name),
        }, )+ )*];

        $(
            impl $name<'_> {
                const GROUPS: &'static [GroupSpec] = &[$( GroupSpec {
                    header: sbe::$header,
                    since: since_or_zero!($($since)?),
                    entry: <$entry<'static> as Block<'static>>::SPEC,
                } ),*];
            }
        )*
    };
    (@groups $name:ident) => { $name::GROUPS };
}

pub(super) use {blocks, getter, messages, required_end, since_or_zero};
