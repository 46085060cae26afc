//! Makes a Python class and a NumPy type of a record.

/// A class of Python's for a struct: the fields behind the common header with how each is seen, which of them are prices
/// (they get a second attribute, in units of one), and fields that only the NumPy type has.
///
/// No field may be left out: the sizes are added up when this is compiled.
macro_rules! record {
    (
        $(#[$doc:meta])*
        class $class:ident of $record:ty, $rtype:expr;
        fields { $($field:ident: $kind:ty),* $(,)? }
        prices { $($price:ident as $pretty:ident),* $(,)? }
        hidden { $($hidden:ident as $hidden_name:literal),* $(,)? }
    ) => {
        // SAFETY: `repr(C)`, integers and arrays of integers only (`FlagSet` is a transparent `u8`); whole words and no
        // padding, as asserted below.
        unsafe impl Plain for $record {}

        const _: () = {
            let fields = HEADER_BYTES $(+ size_of_field(|record: &$record| &record.$field))*;
            let hidden = 0 $(+ size_of_field(|record: &$record| &record.$hidden))*;
            assert!(fields + hidden == size_of::<$record>());
        };

        $(#[$doc])*
        #[pyclass(frozen, module = "gateway_client")]
        pub(crate) struct $class {
            record: $record,
            position: Option<u64>,
        }

        impl $class {
            /// Which records are of this class.
            pub(crate) const TYPE: RecordType = RecordType {
                rtype: $rtype,
                words: words_of::<$record>(),
                object: Self::object,
                dtype: Self::shared_dtype,
            };

            fn object(py: Python<'_>, words: &[u64], position: Option<u64>) -> PyResult<Py<PyAny>> {
                let record = from_words::<$record>(words).ok_or_else(|| {
                    wrong_bytes(stringify!($class), size_of::<$record>(), words)
                })?;
                Self::holding(py, record, position)
            }

            /// The object of a record.
            pub(crate) fn holding(
                py: Python<'_>,
                record: $record,
                position: Option<u64>,
            ) -> PyResult<Py<PyAny>> {
                Ok(Py::new(py, Self { record, position })?.into_any())
            }

            /// The NumPy type of its arrays.
            pub(crate) fn shared_dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
                static DTYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let dtype = DTYPE.get_or_try_init(py, || {
                    let mut fields = header_fields();
                    $(fields.extend(<$kind>::columns(
                        stringify!($field),
                        std::mem::offset_of!($record, $field),
                    ));)*
                    $(fields.push(Field {
                        name: $hidden_name.into(),
                        code: format!("S{}", size_of_field(|record: &$record| &record.$hidden)),
                        offset: std::mem::offset_of!($record, $hidden),
                    });)*
                    dtype(py, fields, size_of::<$record>())
                });
                Ok(dtype?.clone_ref(py))
            }

            fn header(&self) -> Header {
                Header::of(bytes_of(&self.record))
            }
        }

        #[pymethods]
        impl $class {
            #[classattr]
            #[pyo3(name = "dtype")]
            fn class_dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
                Self::shared_dtype(py)
            }

            #[classattr]
            #[pyo3(name = "size_hint")]
            const SIZE_HINT: usize = size_of::<$record>();

            /// The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class.
            #[staticmethod]
            fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Py<PyAny>> {
                let words = words_from(data);
                let is_it = data.len() == size_of::<$record>()
                    && RecordType::of(&words).is_some_and(|found| found.rtype == $rtype);
                if !is_it {
                    return Err(wrong_bytes(stringify!($class), size_of::<$record>(), &words));
                }
                Self::object(py, &words, None)
            }

            #[getter]
            fn rtype(&self) -> u8 {
                self.header().rtype
            }

            #[getter]
            fn publisher_id(&self) -> u16 {
                self.header().publisher_id
            }

            #[getter]
            fn instrument_id(&self) -> u32 {
                self.header().instrument_id
            }

            #[getter]
            fn ts_event(&self) -> u64 {
                self.header().ts_event
            }

            /// Position of the record's first slot in its queue; ``None`` where it was not read from one.
            #[getter]
            const fn position(&self) -> Option<u64> {
                self.position
            }

            $(#[getter]
            fn $field(&self) -> <$kind as Kind>::Seen {
                <$kind>::see(&self.record.$field)
            })*

            $(#[getter]
            fn $pretty(&self) -> f64 {
                price(self.record.$price)
            })*

            /// Bytes of the record.
            fn record_size(&self) -> usize {
                size_of::<$record>()
            }

            fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
                PyBytes::new(py, bytes_of(&self.record))
            }

            fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
                let other = other.cast::<Self>();
                other.is_ok_and(|other| bytes_of(&self.record) == bytes_of(&other.get().record))
            }

            fn __hash__(&self) -> u64 {
                hash(bytes_of(&self.record))
            }

            fn __repr__(&self) -> String {
                let mut text = self.header().begin(stringify!($class));
                $(
                    text.push_str(concat!(", ", stringify!($field), "="));
                    <$kind>::show(&<$kind>::see(&self.record.$field), &mut text);
                )*
                text.push(')');
                text
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                let class = py.get_type::<Self>();
                (class.getattr("from_bytes")?, (self.__bytes__(py),)).into_bound_py_any(py)
            }
        }
    };
}

pub(crate) use record;
