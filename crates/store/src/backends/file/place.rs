//! The folder: made if there is none, and refused where LMDB cannot be trusted with it.
use super::{NAME, damage, trouble::refused};
use crate::{Error, ErrorKind, Result};
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The size that a new lock file is given on the disk, a little less than what LMDB then extends it to.
const LOCK_BYTES: u64 = 4_000 * 64;

/// A folder that may hold a store.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// Its one true path.
    pub(super) path: PathBuf,
    /// What it is, whatever the path: device and inode.
    pub(super) id: (u64, u64),
}

/// Makes sure that there is a folder at `path`, on a disk of this machine unless `network` is accepted.
pub(super) fn prepare(path: &Path, network: bool) -> Result<Folder> {
    if path.as_os_str().is_empty() {
        return Err(Error::invalid("store", "file: needs a folder, such as file:./stayput-data"));
    }
    if let Err(error) = create(path)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(refused(error));
    }
    let found = fs::metadata(path).map_err(refused)?;
    if !found.is_dir() {
        return Err(Error::new(ErrorKind::Refused, NAME, "file:PATH must name a folder, and there is a file"));
    }
    refuse_network(path, network)?;
    let path = path.canonicalize().map_err(refused)?;
    Ok(Folder { path, id: (found.dev(), found.ino()) })
}

/// Looks at what the folder holds before LMDB does. Nobody in this process may have it open.
pub(super) fn inspect(folder: &Folder) -> Result<()> {
    damage::check(&folder.path.join("data.mdb"))?;
    reserve_lock_file(&folder.path.join("lock.mdb"))
}

/// Parents get the permissions that folders usually get; the folder itself is for its owner alone.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)
}

/// LMDB writes to its lock file through a map, and a full disk would then kill the process, so the room is taken at
/// once, while somebody can be told. Only for a new file: LMDB alone knows when it may resize one.
#[cfg(target_os = "linux")]
fn reserve_lock_file(path: &Path) -> Result<()> {
    use rustix::{fs::FallocateFlags, io::Errno};
    let options = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = options.map_err(refused)?;
    if file.metadata().map_err(refused)?.len() > 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, LOCK_BYTES) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(refused(error.into())),
    }
}
#[cfg(not(target_os = "linux"))]
fn reserve_lock_file(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn refuse_network(path: &Path, accepted: bool) -> Result<()> {
    let found = rustix::fs::statfs(path).map_err(|error| refused(error.into()))?;
    match network(found.f_type as u32).filter(|_| !accepted) {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "the folder is on {name}, where locks and maps of several machines do not agree: choose a folder on a \
                 disk of this machine, run `stayput serve` where the disk is, or add ?network=accepted if no other \
                 machine ever opens it"
            );
            Err(Error::new(ErrorKind::Refused, NAME, message))
        }
    }
}
#[cfg(not(target_os = "linux"))]
fn refuse_network(_: &Path, _: bool) -> Result<()> {
    Ok(())
}

/// The name of the network file system with the number that `statfs` gives. FUSE may be anything, hence is one.
#[cfg(target_os = "linux")]
fn network(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517B | 0xFE53_4D42 | 0xFF53_4D42 => "an SMB share",
        0x564C => "NCP",
        0x5346_414F | 0x6B41_4653 => "AFS",
        0x00C3_6400 => "Ceph",
        0x7375_7245 => "Coda",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE (sshfs, virtiofs or the like)",
        0x0116_1970 => "GFS2",
        0x7461_636F => "OCFS2",
        0x0BD0_0BD0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x786F_4256 => "a VirtualBox share",
        0xBACB_ACBC => "a VMware share",
        _ => return None,
    })
}

/// Waits until `ready`, for a second at most.
pub(super) fn shortly(mut ready: impl FnMut() -> bool) -> bool {
    for _ in 0..100 {
        if ready() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    ready()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::network;

    #[test]
    fn file_systems_of_other_machines_are_told_from_disks() {
        let remote = [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x5346_414F, 0x00C3_6400, 0x0102_1997, 0x6573_5546];
        assert!(remote.iter().all(|magic| network(*magic).is_some()));
        // ext4, xfs, btrfs, tmpfs, overlayfs, zfs, f2fs, ramfs, ecryptfs
        let local = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1, 0xF2F5_2010];
        assert!(local.iter().chain(&[0x8584_58F6, 0xF15F]).all(|magic| network(*magic).is_none()));
    }
}
