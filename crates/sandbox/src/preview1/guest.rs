//! Reading and writing the application's memory at the addresses that it gave.

use crate::fault::{Errno, Fault};
use crate::limits::{BUFFERS_MAX, PATH_BYTES_MAX};

/// The linear memory during one call. Addresses outside it give `EFAULT`.
pub(crate) struct Guest<'a>(pub(crate) &'a mut [u8]);

/// One buffer of a scattered read or write: address and length in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) address: u32,
    pub(crate) length: u32,
}

impl Guest<'_> {
    pub(crate) fn bytes(&self, address: u32, length: u32) -> Result<&[u8], Errno> {
        let start = address as usize;
        let end = start.checked_add(length as usize).ok_or(Errno::Fault)?;
        self.0.get(start..end).ok_or(Errno::Fault)
    }

    pub(crate) fn bytes_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Errno> {
        let start = address as usize;
        let end = start.checked_add(length as usize).ok_or(Errno::Fault)?;
        self.0.get_mut(start..end).ok_or(Errno::Fault)
    }

    pub(crate) fn put(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(address, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn put_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.put(address, &value.to_le_bytes())
    }

    pub(crate) fn put_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.put(address, &value.to_le_bytes())
    }

    pub(crate) fn u32(&self, address: u32) -> Result<u32, Errno> {
        let bytes = self.bytes(address, 4)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes were asked for")))
    }

    /// A path; it must be UTF-8.
    pub(crate) fn path(&self, address: u32, length: u32) -> Result<String, Fault> {
        if length as usize > PATH_BYTES_MAX {
            return Err(Errno::Nametoolong.into());
        }
        let bytes = self.bytes(address, length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Errno::Ilseq.into())
    }

    /// The buffers of a scattered read or write, each inside the memory.
    pub(crate) fn buffers(&self, address: u32, count: u32) -> Result<Vec<Buffer>, Errno> {
        if count > BUFFERS_MAX {
            return Err(Errno::Inval);
        }
        (0..count)
            .map(|index| {
                let at = address.checked_add(index * 8).ok_or(Errno::Fault)?;
                let buffer = Buffer {
                    address: self.u32(at)?,
                    length: self.u32(at.checked_add(4).ok_or(Errno::Fault)?)?,
                };
                self.bytes(buffer.address, buffer.length)?;
                Ok(buffer)
            })
            .collect()
    }
}
