//! The gateway's client for Python: the extension module `gateway_client._native`.
//!
//! The package `gateway_client` around it (`python/`) has the classes that need no Rust, the names that strategies import
//! and the types of everything. What waits or copies much lets other Python threads run meanwhile.

mod array;
mod book_row;
mod books;
mod client;
mod errors;
mod event;
mod instruments;
mod multi;
mod options;
mod reader;
mod record;
mod source;
mod subscription;
mod values;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::books::{BookTable, OrderSnapshot};
    #[pymodule_export]
    use crate::client::{Client, connect};
    #[pymodule_export]
    use crate::instruments::Instruments;
    #[pymodule_export]
    use crate::multi::MultiSubscriber;
    #[pymodule_export]
    use crate::record::{
        ControlMsg, ImbalanceMsg, InstrumentDefMsg, MBOMsg, MBP1Msg, MBP10Msg, NativeMsg, OtherMsg,
        StatMsg, StatusMsg, TradeMsg,
    };
    #[pymodule_export]
    use crate::subscription::{Batches, Subscription};

    /// Nanoseconds since the Unix epoch by the gateway's clock, without a system call.
    #[pyfunction]
    fn clock_now_ns(py: Python<'_>) -> u64 {
        // The first call of a process takes about 20 ms.
        py.detach(gateway_client::Clock::global).now()
    }
}
