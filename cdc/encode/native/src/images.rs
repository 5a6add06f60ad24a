//! The images of changes, for Python.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::document::Odd;
use crate::heads;
use crate::plan;

type Time = (u64, u64);

impl From<Odd> for PyErr {
    fn from(_: Odd) -> Self {
        PyValueError::new_err("odd")
    }
}

#[pyclass(frozen)]
pub struct Heads {
    raw: Py<PyBytes>,
    heads: Arc<heads::Heads>,
    wanted: plan::Wanted,
}

#[pymethods]
impl Heads {
    #[new]
    #[pyo3(signature = (raw, after, before, most_cuts, /))]
    fn new(raw: &Bound<'_, PyBytes>, after: bool, before: bool, most_cuts: usize) -> PyResult<Self> {
        let bytes = raw.as_bytes();
        let heads = raw.py().detach(|| heads::Heads::of(bytes))?;
        Ok(Heads {
            raw: raw.clone().unbind(),
            heads: Arc::new(heads),
            wanted: plan::Wanted { after, before, most_cuts },
        })
    }

    fn __len__(&self) -> usize {
        self.heads.changes.len()
    }

    fn time(&self, index: usize) -> PyResult<Time> {
        Ok(pair(self.change(index)?.time))
    }

    fn token<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.raw.as_bytes(py)[self.change(index)?.token.clone()]))
    }

    fn in_transaction(&self, py: Python<'_>, index: usize) -> PyResult<bool> {
        const NUMBER: &[u8] = b"\x12txnNumber\0";
        let event = &self.raw.as_bytes(py)[self.change(index)?.raw.clone()];
        Ok(event.windows(NUMBER.len()).any(|window| window == NUMBER))
    }

    #[pyo3(signature = (start, stop, *, begun, unfinished))]
    fn plan(&self, py: Python<'_>, start: usize, stop: usize, begun: Option<Time>, unfinished: bool) -> PyResult<Plan> {
        if start >= stop || stop > self.heads.changes.len() {
            return Err(PyIndexError::new_err("no such changes"));
        }
        let (raw, heads) = (self.raw.bind(py).as_bytes(), Arc::clone(&self.heads));
        let begun = begun.map(|(seconds, increment)| seconds << 32 | increment);
        let plan = py.detach(|| plan::Plan::new(heads, raw, start..stop, self.wanted, begun, unfinished));
        Ok(Plan { raw: self.raw.clone_ref(py), heads: Arc::clone(&self.heads), plan, replies: Vec::new() })
    }
}

impl Heads {
    fn change(&self, index: usize) -> PyResult<&heads::Change> {
        self.heads.changes.get(index).ok_or_else(|| PyIndexError::new_err("no such change"))
    }
}

#[pyclass]
pub struct Plan {
    raw: Py<PyBytes>,
    heads: Arc<heads::Heads>,
    plan: plan::Plan,
    replies: Vec<Py<PyBytes>>,
}

#[pymethods]
impl Plan {
    #[getter]
    fn reads<'py>(&self, py: Python<'py>) -> Vec<(Time, &str, usize, Bound<'py, PyBytes>)> {
        let told = |read: &plan::Read| {
            let collection = self.heads.collections[read.collection].as_str();
            (pair(read.time), collection, read.documents, PyBytes::new(py, &read.filter))
        };
        self.plan.reads.iter().map(told).collect()
    }

    #[pyo3(signature = (read, raw, *, exact))]
    fn stood(&mut self, read: usize, raw: &Bound<'_, PyBytes>, exact: bool) -> PyResult<()> {
        let (bytes, reply) = (raw.as_bytes(), self.replies.len());
        raw.py().detach(|| self.plan.stood(read, reply, bytes, exact))?;
        self.replies.push(raw.clone().unbind());
        Ok(())
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.plan.nbytes()
    }

    fn completed<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
        let replies: Vec<_> = self.replies.iter().map(|reply| reply.bind(py).as_bytes()).collect();
        let raw = self.raw.bind(py).as_bytes();
        let (raw, counts) = py.detach(|| self.plan.completed(raw, &replies));
        let told = PyDict::new(py);
        for (how, count) in plan::HOW.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            told.set_item(how, count)?;
        }
        Ok((PyBytes::new(py, &raw), told))
    }
}

fn pair(time: u64) -> Time {
    (time >> 32, time & 0xffff_ffff)
}
