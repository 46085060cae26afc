//! What nobody can do to a queue.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use gateway_client::protocol::{Request, Wish};
use gateway_client::{Client, Event};
use rustix::net::RecvFlags;

use crate::rig::{oldest, queue, raw, record, send, start};

#[test]
fn nobody_can_write_to_a_queue() {
    use rustix::fs::{FallocateFlags, Mode, OFlags};
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let socket = raw(&gateway.path);
    send(
        &socket,
        &Request::Subscribe {
            queue: "all".into(),
            reader: "evil".into(),
            wish: Wish::Head,
        }
        .encode(1),
    )
    .unwrap();
    let [ring, page] = <[OwnedFd; 2]>::try_from(receive_descriptors(&socket)).unwrap();
    let len = rustix::fs::fstat(&ring).unwrap().st_size as usize;

    // SAFETY: new mappings at addresses of the kernel's choice, unmapped with the process.
    let map = |protection, fd: &OwnedFd| unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            len,
            protection,
            MapFlags::SHARED,
            fd,
            0,
        )
    };
    assert!(
        map(ProtFlags::READ | ProtFlags::WRITE, &ring).is_err(),
        "mapped writable"
    );
    let mapped = map(ProtFlags::READ, &ring).unwrap();
    // SAFETY: the range was just mapped and nobody refers to it.
    let upgraded =
        unsafe { rustix::mm::mprotect(mapped, len, MprotectFlags::READ | MprotectFlags::WRITE) };
    assert!(upgraded.is_err(), "made writable");
    assert!(rustix::io::write(&ring, b"x").is_err(), "written");
    assert!(rustix::fs::ftruncate(&ring, 0).is_err(), "truncated");
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert!(
        rustix::fs::fallocate(&ring, punch, 0, 4096).is_err(),
        "punched"
    );
    assert!(
        rustix::fs::fcntl_add_seals(&ring, rustix::fs::SealFlags::WRITE).is_err(),
        "sealed further"
    );
    // As root the file itself opens for writing; the seals then refuse every use of it.
    let path = format!("/proc/self/fd/{}", ring.as_raw_fd());
    if let Ok(reopened) = rustix::fs::open(path, OFlags::RDWR, Mode::empty()) {
        assert!(
            map(ProtFlags::READ | ProtFlags::WRITE, &reopened).is_err(),
            "reopened and mapped writable"
        );
        assert!(
            rustix::io::write(&reopened, b"x").is_err(),
            "reopened and written"
        );
        assert!(
            rustix::fs::ftruncate(&reopened, 0).is_err(),
            "reopened and truncated"
        );
        assert!(
            rustix::fs::fallocate(&reopened, punch, 0, 4096).is_err(),
            "reopened and punched"
        );
    }

    // Its own page it may spoil, and the gateway only shows nonsense for it.
    assert!(
        rustix::fs::ftruncate(&page, 0).is_err(),
        "the page was taken from under the gateway"
    );
    rustix::io::write(&page, &[0xFF; 4096]).unwrap();
    let reader = gateway.registry.readers().remove(0);
    assert_eq!((reader.position, reader.lag), (u64::MAX, 0));
    rustix::fs::fallocate(&page, punch, 0, 4096).unwrap();
    assert_eq!(gateway.registry.readers().remove(0).position, 0);

    publisher.publish(&record(1));
    let mut honest = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &oldest())
        .unwrap();
    assert!(matches!(honest.poll(), Event::Record(_)));
    gateway.stop();
}

pub(crate) fn receive_descriptors(socket: &OwnedFd) -> Vec<OwnedFd> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 1024];
    let mut slices = [io::IoSliceMut::new(&mut buffer)];
    rustix::net::recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
        _ => None,
    });
    rights.flatten().collect()
}
