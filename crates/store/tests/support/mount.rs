//! Disks of their own for tests: a tmpfs of a few pages, that can be full or read-only.
use libtest_mimic::Trial;
use std::{
    ffi::CString,
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use tokio::time::Instant;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file system of a few pages, mounted as long as this is there.
pub(crate) struct Mount(PathBuf, #[expect(dead_code, reason = "removed last")] tempfile::TempDir);

impl Mount {
    /// `size` as `mount` takes it; nothing where this process may not mount.
    pub(crate) fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Self(folder.path().to_owned(), folder);
        mount.mount(0, &format!("size={size}")).then_some(mount)
    }
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
    /// Until a child that another test is just starting has let go of the files that it was born with, this one's too,
    /// the kernel says that the disk is busy.
    #[allow(dead_code, reason = "not every target wants it")]
    pub(crate) fn make_read_only(&self) -> bool {
        let end = Instant::now() + PATIENCE;
        while !self.mount(libc::MS_REMOUNT | libc::MS_RDONLY, "") {
            let is_busy = io::Error::last_os_error().kind() == io::ErrorKind::ResourceBusy;
            if !is_busy || Instant::now() > end {
                return false;
            }
            thread::yield_now();
        }
        true
    }
    fn mount(&self, flags: libc::c_ulong, options: &str) -> bool {
        let (tmpfs, options) = (c"tmpfs", CString::new(options).unwrap());
        let path = CString::new(self.0.to_str().unwrap()).unwrap();
        #[expect(unsafe_code, reason = "no safe call mounts")]
        // SAFETY: all pointers are to C strings that outlive the call.
        let failed =
            unsafe { libc::mount(tmpfs.as_ptr(), path.as_ptr(), tmpfs.as_ptr(), flags, options.as_ptr().cast()) };
        failed == 0
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let path = CString::new(self.0.to_str().unwrap()).unwrap();
        #[expect(unsafe_code, reason = "no safe call unmounts")]
        // SAFETY: a C string that outlives the call.
        unsafe {
            libc::umount2(path.as_ptr(), libc::MNT_DETACH);
        }
    }
}

/// Tests that mount; ignored, with the reason, where this process may not.
pub(crate) fn trials(tests: &'static [(&str, fn())]) -> impl Iterator<Item = Trial> {
    let ignored = Mount::new("64k").is_none();
    tests.iter().map(move |(name, test)| {
        let name = if ignored { format!("{name} (may not mount a tmpfs here)") } else { (*name).into() };
        let test = || {
            test();
            Ok(())
        };
        Trial::test(name, test).with_ignored_flag(ignored)
    })
}
