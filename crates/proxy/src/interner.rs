//! Small numbers for values, so that series are found by comparing numbers.

use std::{cell::RefCell, collections::HashMap, hash::Hash, rc::Rc};

/// Numbers values in the order in which they come. Bounded: what comes after `limit` shares one number.
#[derive(Debug)]
pub(crate) struct Interner<T> {
    numbers: RefCell<HashMap<Rc<T>, u32>>,
    values: RefCell<Vec<Rc<T>>>,
    limit: usize,
}

/// The number of all values beyond the limit.
pub(crate) const OVERFLOW: u32 = u32::MAX;

impl<T: Hash + Eq> Interner<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            numbers: RefCell::default(),
            values: RefCell::default(),
            limit,
        }
    }

    /// The number of a value; [`OVERFLOW`] when there are too many.
    pub(crate) fn number(&self, value: &T) -> u32
    where
        T: Clone,
    {
        if let Some(number) = self.numbers.borrow().get(value) {
            return *number;
        }
        let mut values = self.values.borrow_mut();
        if values.len() >= self.limit {
            return OVERFLOW;
        }
        let number = u32::try_from(values.len()).unwrap_or(OVERFLOW);
        let value = Rc::new(value.clone());
        values.push(Rc::clone(&value));
        self.numbers.borrow_mut().insert(value, number);
        number
    }

    /// The value of a number; `None` for [`OVERFLOW`].
    pub(crate) fn value(&self, number: u32) -> Option<Rc<T>> {
        self.values.borrow().get(number as usize).cloned()
    }
}
