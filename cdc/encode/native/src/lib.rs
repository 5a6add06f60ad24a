//! The walks over a batch of BSON, byte for byte as their twins in Python have it: `encode` makes its records, `source`
//! completes its changes with their documents.
//!
//! What they find odd, be it malformed or only rare, they hand to those.

mod batch;
mod changes;
mod dialects;
mod document;
mod heads;
mod images;
mod json;
mod names;
mod plan;
mod rows;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use batch::Form;
use document::Language;

type Columns<'py> = [Bound<'py, PyList>; 6];

/// Change events, for one stream.
#[pyclass(frozen)]
struct Changes {
    language: Language,
    form: changes::Changes,
    namespace: Py<PyAny>,
    operations: Vec<Py<PyAny>>,
}

#[pymethods]
impl Changes {
    #[new]
    #[pyo3(signature = (*, dialect, found, images, before, shared, namespace, operation))]
    #[allow(clippy::too_many_arguments)] // keywords
    fn new(
        dialect: &str,
        found: &str,
        images: changes::Images,
        before: bool,
        shared: bool,
        namespace: Py<PyAny>,
        operation: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let named = |name| Ok(operation.call1((name,))?.unbind());
        let operations = changes::OPERATIONS.into_iter().map(named).collect::<PyResult<_>>()?;
        let form = changes::Changes { images, latest: found == "latest", before, shared };
        Ok(Changes { language: language(dialect)?, form, namespace, operations })
    }

    fn columns<'py>(
        &self,
        raw: &Bound<'py, PyBytes>,
        odd: &Bound<'py, PyAny>,
        fits: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Columns<'py>> {
        let named = |(db, coll): &(&str, &str)| self.namespace.bind(raw.py()).call1((db, coll));
        columns(&self.form, self.language, raw, odd, fits, &self.operations, |names| names.iter().map(named).collect())
    }
}

/// Documents that were read from one collection at one time.
#[pyclass(frozen)]
struct Rows {
    language: Language,
    form: rows::Rows,
    namespace: Py<PyAny>,
    operation: [Py<PyAny>; 1],
}

#[pymethods]
impl Rows {
    #[new]
    #[pyo3(signature = (*, dialect, head, tail, ms, within, namespace, operation))]
    fn new(
        dialect: &str,
        head: Vec<u8>,
        tail: Vec<u8>,
        ms: i64,
        within: Option<Vec<u8>>,
        namespace: Py<PyAny>,
        operation: Py<PyAny>,
    ) -> PyResult<Self> {
        let form = rows::Rows { head, tail, ms, within };
        Ok(Rows { language: language(dialect)?, form, namespace, operation: [operation] })
    }

    fn columns<'py>(
        &self,
        raw: &Bound<'py, PyBytes>,
        odd: &Bound<'py, PyAny>,
        fits: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Columns<'py>> {
        let namespace = self.namespace.bind(raw.py());
        columns(&self.form, self.language, raw, odd, fits, &self.operation, |_| Ok(vec![namespace.clone()]))
    }
}

fn language(dialect: &str) -> PyResult<Language> {
    Language::named(dialect).ok_or_else(|| PyValueError::new_err(format!("no dialect {dialect:?}")))
}

/// A batch's records as lists; `odd` makes the record of an event or gives None, `fits` tells whether one is wanted.
fn columns<'py>(
    form: &impl Form,
    language: Language,
    raw: &Bound<'py, PyBytes>,
    odd: &Bound<'py, PyAny>,
    fits: Option<&Bound<'py, PyAny>>,
    operations: &[Py<PyAny>],
    namespaces: impl FnOnce(&[(&str, &str)]) -> PyResult<Vec<Bound<'py, PyAny>>>,
) -> PyResult<Columns<'py>> {
    let py = raw.py();
    let (bytes, checked) = (raw.as_bytes(), fits.is_some());
    let batch = py.detach(|| batch::walk(form, language, bytes, checked));
    let namespaces = namespaces(&batch.spaces.names)?;
    let columns = std::array::from_fn(|_| PyList::empty(py));
    for event in &batch.events {
        let Some(record) = &event.record else {
            let made = odd.call1((PyBytes::new(py, event.raw),))?;
            if !made.is_none() {
                for (column, item) in columns.iter().zip(made.cast::<PyTuple>()?) {
                    column.append(item)?;
                }
            }
            continue;
        };
        let fits = fits.map_or(Ok(true), |fits| fits.call1((PyBytes::new(py, event.raw),))?.is_truthy());
        if !fits? {
            continue;
        }
        let [spaces, kinds, keys, values, times, tokens] = &columns;
        spaces.append(&namespaces[record.space])?;
        kinds.append(&operations[record.operation])?;
        keys.append(PyBytes::new(py, &batch.text[record.key.clone()]))?;
        values.append(PyBytes::new(py, &batch.text[record.value.clone()]))?;
        times.append(record.ms)?;
        tokens.append(PyString::new(py, record.token))?;
    }
    Ok(columns)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Changes>()?;
    module.add_class::<Rows>()?;
    module.add_class::<images::Heads>()?;
    module.add_class::<images::Plan>()
}
