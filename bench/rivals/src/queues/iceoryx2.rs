//! `iceoryx2`, publish and subscribe with safe overflow: its way to have a writer that does not wait for readers.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use iceoryx2::config::Config;
use iceoryx2::node::{Node, NodeBuilder};
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{FileName, SemanticString, ServiceName, ipc};
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use super::{Place, Queue, Receiver, Sender};
use crate::message::Message;

type Service = ipc::Service;

pub(crate) struct Iceoryx2;

pub(crate) struct IceoryxSender {
    publisher: Publisher<Service, Message, ()>,
    _service: PortFactory<Service, Message, ()>,
    _node: Node<Service>,
}

pub(crate) struct IceoryxReceiver {
    subscriber: Subscriber<Service, Message, ()>,
    _service: PortFactory<Service, Message, ()>,
    _node: Node<Service>,
}

impl Queue for Iceoryx2 {
    type Sender = IceoryxSender;
    type Receiver = IceoryxReceiver;

    fn create(place: &Place) -> Result<(IceoryxSender, String)> {
        let folder = place.folder.to_str().context("a path that is no text")?;
        let (node, service) = open(folder, place.name, Some(place.capacity))?;
        let publisher = service
            .publisher_builder()
            .create()
            .map_err(|error| anyhow!("{error:?}"))?;
        let sender = IceoryxSender {
            publisher,
            _service: service,
            _node: node,
        };
        Ok((sender, format!("{folder}:{}", place.name)))
    }

    fn attach(address: &str) -> Result<IceoryxReceiver> {
        let (folder, name) = address.rsplit_once(':').context("no such address")?;
        let (node, service) = open(folder, name, None)?;
        let subscriber = service
            .subscriber_builder()
            .create()
            .map_err(|error| anyhow!("{error:?}"))?;
        Ok(IceoryxReceiver {
            subscriber,
            _service: service,
            _node: node,
        })
    }
}

/// Makes the service with room for `capacity` messages a reader, or joins it.
fn open(
    folder: &str,
    name: &str,
    capacity: Option<u64>,
) -> Result<(Node<Service>, PortFactory<Service, Message, ()>)> {
    let mut config = Config::default();
    // Its shared memory begins with the folder's name, so that the caller finds what a killed process left behind.
    let prefix = Path::new(folder).file_name().and_then(|name| name.to_str());
    let prefix = format!("{}_", prefix.context("a folder without a name")?);
    config.global.prefix =
        FileName::new(prefix.as_bytes()).map_err(|error| anyhow!("{error:?}"))?;
    config.global.set_root_path(
        &iceoryx2::prelude::Path::new(folder.as_bytes()).map_err(|error| anyhow!("{error:?}"))?,
    );
    let node = NodeBuilder::new()
        .config(&config)
        .create::<Service>()
        .map_err(|error| anyhow!("{error:?}"))?;
    let name: ServiceName = name.try_into().map_err(|error| anyhow!("{error:?}"))?;
    let builder = node.service_builder(&name).publish_subscribe::<Message>();
    let service = match capacity {
        None => builder.open().map_err(|error| anyhow!("{error:?}"))?,
        Some(capacity) => builder
            .enable_safe_overflow(true)
            .subscriber_max_buffer_size(capacity as usize)
            .history_size(0)
            .max_publishers(1)
            .max_subscribers(16)
            .create()
            .map_err(|error| anyhow!("{error:?}"))?,
    };
    Ok((node, service))
}

impl Sender for IceoryxSender {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        let Ok(sample) = self.publisher.loan_uninit() else {
            return false;
        };
        sample.write_payload(*message).send().is_ok()
    }
}

impl Receiver for IceoryxReceiver {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        let Ok(Some(sample)) = self.subscriber.receive() else {
            return 0;
        };
        read(&sample);
        1
    }
}
