//! What a transfer moves: a file or a listing to the client, a file from the client; block by block, and the bytes alone.
//!
//! Line ends are converted as they stream by (RFC 959 section 3.1.1.1). Not here: replies, and when a data connection is.

use super::bug::Bug;
use super::file::FileData;
use super::fs::{FsError, NodeId, Place};
use super::world::World;
use crate::ftp::ascii::{FromNet, ToNet};
use crate::ftp::content::Content;
use crate::ftp::path::VirtualPath;

/// Bytes that are read for one block.
const BLOCK: u64 = 256 * 1024;
/// Where the planted bugs of blocks have their borders.
const BORDER: u64 = 8192;

#[derive(Debug, Clone)]
pub(super) enum Job {
    Download(Download),
    Upload(Upload),
}

/// A file or a listing on its way to the client.
#[derive(Debug, Clone)]
pub(super) struct Download {
    source: Source,
    ascii: bool,
    offset: u64,
    /// Octets of the stream that are left out at its start.
    skip: usize,
    /// A planted bug has sent a block twice.
    doubled: bool,
}

#[derive(Debug, Clone)]
enum Source {
    File(NodeId),
    Text(Vec<u8>),
}

/// A file on its way from the client.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    root: NodeId,
    path: VirtualPath,
    how: How,
    ascii: Option<FromNet>,
    /// Once it is open.
    file: Option<NodeId>,
    /// Where the next bytes go, but for [`How::Append`].
    at: u64,
}

/// Where an upload's bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The file is emptied first.
    Replace,
    /// From an offset on; what lies behind stays.
    At(u64),
    /// Always behind what is there.
    Append,
    /// Into the new file that STOU has made.
    Unique,
}

impl Download {
    pub(super) fn file(id: NodeId, ascii: bool, offset: u64, skip: usize) -> Self {
        Self { source: Source::File(id), ascii, offset, skip, doubled: false }
    }

    /// Lets go of the file.
    pub(super) fn close(&self, world: &mut World) {
        if let Source::File(id) = self.source {
            world.fs.close(id);
        }
    }

    pub(super) fn text(bytes: Vec<u8>) -> Self {
        Self { source: Source::Text(bytes), ascii: false, offset: 0, skip: 0, doubled: false }
    }

    /// The next block, empty at the end.
    pub(super) fn next(&mut self, world: &World) -> Vec<u8> {
        loop {
            let start = self.offset;
            let mut raw = vec![0; usize::try_from(BLOCK).expect("small")];
            let len = match &self.source {
                Source::File(id) => world.fs.file(*id).map_or(0, |data| data.read(start, &mut raw)),
                Source::Text(bytes) => read_slice(bytes, start, &mut raw),
            };
            raw.truncate(len);
            self.offset += len as u64;
            let end = match &self.source {
                Source::File(id) => world.fs.file(*id).map_or(0, FileData::len),
                Source::Text(bytes) => bytes.len() as u64,
            };
            let last = self.offset >= end;
            if raw.is_empty() {
                return raw;
            }
            if matches!(self.source, Source::File(_)) {
                self.spoil(world, start, last, &mut raw);
            }
            let mut block = if self.ascii { convert(world, start, &raw) } else { raw };
            block.drain(..self.skip.min(block.len()));
            self.skip = 0;
            if !block.is_empty() || last {
                return block;
            }
        }
    }

    /// The planted bugs of a download's bytes.
    fn spoil(&mut self, world: &World, start: u64, last: bool, raw: &mut Vec<u8>) {
        const FLIPPED: u64 = 65_536;
        const SHORT: u64 = 65_536;
        if world.broken(Bug::ByteFlipped) && (start..start + raw.len() as u64).contains(&FLIPPED) {
            raw[usize::try_from(FLIPPED - start).expect("within the block")] ^= 1;
        }
        if world.broken(Bug::ShortLastBlock) && last {
            raw.pop();
        }
        let border = self.offset > 0 && self.offset.is_multiple_of(SHORT);
        if world.broken(Bug::ShortAtBorder) && last && border {
            raw.truncate(raw.len().saturating_sub(usize::try_from(SHORT).expect("small")));
        }
        if world.broken(Bug::AsciiStripsHigh) && self.ascii {
            raw.iter_mut().for_each(|byte| *byte &= 0x7f);
        }
        if world.broken(Bug::BlockDoubled) && !last && !self.doubled {
            self.doubled = true;
            self.offset = start;
        }
    }
}

fn read_slice(bytes: &[u8], offset: u64, out: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let len = rest.len().min(out.len());
    out[..len].copy_from_slice(&rest[..len]);
    len
}

/// A file's bytes from an offset on, as TYPE A sends them.
fn convert(world: &World, start: u64, raw: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(raw.len());
    if !world.broken(Bug::CrlfSplitDownload) {
        ToNet.push(raw, &mut block);
        return block;
    }
    for (index, byte) in raw.iter().enumerate() {
        let at = start + index as u64;
        if *byte == b'\n' && (at == 0 || !at.is_multiple_of(BORDER)) {
            block.push(b'\r');
        }
        block.push(*byte);
    }
    block
}

impl Upload {
    pub(super) fn new(root: NodeId, path: VirtualPath, how: How, ascii: bool) -> Self {
        Self { root, path, how, ascii: ascii.then(FromNet::default), file: None, at: 0 }
    }

    /// Makes, empties or finds the file: the data connection is there.
    pub(super) fn open(&mut self, world: &mut World, now: i64) -> Result<(), FsError> {
        let id = match world.fs.resolve(self.root, &self.path, true)? {
            Place { node: Some(id), .. } if world.fs.file(id).is_some() => id,
            Place { node: Some(_), .. } => return Err(FsError::IsDirectory),
            Place { node: None, .. } => world.fs.make_file(self.root, &self.path, Content::Zeros(0), now)?,
        };
        world.fs.open(id);
        world.latest = Some((self.root, id));
        self.file = Some(id);
        match self.how {
            How::Replace if world.broken(Bug::StorKeepsTail) => {}
            How::Replace => world.fs.truncate(id, 0, now),
            How::At(offset) => {
                self.at = offset;
                if world.broken(Bug::RestStorHole) && offset > 0 {
                    world.fs.truncate(id, 0, now);
                }
            }
            How::Append | How::Unique => {}
        }
        Ok(())
    }

    /// Takes the next bytes, of which `before` came before.
    pub(super) fn receive(&mut self, world: &mut World, before: u64, bytes: &[u8], now: i64) {
        let mut local = Vec::new();
        match &mut self.ascii {
            None => local.extend_from_slice(bytes),
            Some(converter) if world.broken(Bug::CrlfSplitUpload) => {
                for (index, byte) in bytes.iter().enumerate() {
                    if (before + index as u64).is_multiple_of(BORDER) {
                        converter.finish(&mut local);
                    }
                    converter.push(&[*byte], &mut local);
                }
            }
            Some(converter) => converter.push(bytes, &mut local),
        }
        if world.broken(Bug::LoneCrDropped) && self.ascii.is_some() {
            local.retain(|byte| *byte != b'\r');
        }
        let resumed = matches!(self.how, How::At(1..));
        if world.broken(Bug::ResumeLosesByte) && resumed && before == 0 && !local.is_empty() {
            local.remove(0);
        }
        self.store(world, local, now);
    }

    fn store(&mut self, world: &mut World, mut local: Vec<u8>, now: i64) {
        let Some(id) = self.file else {
            return;
        };
        if world.broken(Bug::RestStorZeros) && matches!(self.how, How::At(1..)) {
            local.fill(0);
        }
        let at = match self.how {
            How::Append => world.fs.file(id).map_or(0, FileData::len),
            How::Replace | How::At(_) | How::Unique => self.at,
        };
        let latest = world.latest.filter(|(root, _)| *root == self.root && world.broken(Bug::UploadsMixed));
        let id = latest.map_or(id, |(_, latest)| latest);
        world.fs.write(id, at, &local, now);
        self.at += local.len() as u64;
    }

    /// The end: what the converter holds is written, and the file let go.
    pub(super) fn close(&mut self, world: &mut World, clean: bool, now: i64) {
        let mut held = Vec::new();
        if let Some(converter) = &mut self.ascii {
            converter.finish(&mut held);
        }
        if !held.is_empty() && !world.broken(Bug::LoneCrDropped) {
            self.store(world, held, now);
        }
        let Some(id) = self.file.take() else {
            if self.how == How::Unique {
                let _ = world.fs.remove_file(self.root, &self.path, now);
            }
            return;
        };
        let len = world.fs.file(id).map_or(0, FileData::len);
        if clean && world.broken(Bug::StorLosesTail) {
            world.fs.truncate(id, len.saturating_sub(1), now);
        }
        world.fs.close(id);
    }
}
