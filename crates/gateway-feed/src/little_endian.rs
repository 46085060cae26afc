//! How fields of little-endian protocols are read from, and written to, exactly as many bytes as they have.

use crate::itch50::fields::Symbol;

/// A field type.
pub(crate) trait Field: Copy {
    /// Bytes on the wire.
    const SIZE: usize;

    /// Reads the field from `SIZE` bytes.
    fn read(bytes: &[u8]) -> Self;

    /// Writes the field to `SIZE` bytes.
    fn write(self, bytes: &mut [u8]);
}

macro_rules! integer {
    ($($type:ty),*) => { $(
        impl Field for $type {
            const SIZE: usize = size_of::<$type>();

            #[inline(always)]
            fn read(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$type>()];
                array.copy_from_slice(bytes);
                <$type>::from_le_bytes(array)
            }

            #[inline(always)]
            fn write(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}

integer!(u8, u16, u32, u64, i32, i64);

impl<const N: usize> Field for [u8; N] {
    const SIZE: usize = N;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        array
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self);
    }
}

impl Field for Symbol {
    const SIZE: usize = 8;

    #[inline(always)]
    fn read(bytes: &[u8]) -> Self {
        Self(<[u8; 8]>::read(bytes))
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8]) {
        self.0.write(bytes);
    }
}
