//! TCP connections to the venue's servers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::rerequest::Way;

/// How long a server may take to take a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot connect: {0}; check the server's address and the way to it")]
    Connect(#[from] io::Error),
    #[error("it takes no connection within {} ms", CONNECT_MAX.as_millis())]
    Timeout,
}

/// Connects to `server` on the way that the configuration says.
pub(super) async fn connect(server: SocketAddr, way: &Way) -> Result<TcpStream, ConnectError> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    way.bind(&SockRef::from(&socket), server)?;
    let connected = timeout(CONNECT_MAX, socket.connect(server)).await;
    Ok(connected.map_err(|_| ConnectError::Timeout)??)
}
