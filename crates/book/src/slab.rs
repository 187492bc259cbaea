//! Values under small numbers that stay the same while the value is there.

/// Values, and the numbers that are free again.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// The number that the next value gets.
    ///
    /// # Panics
    /// With 2^32 values; the book's bound is far below.
    pub(crate) fn next(&self) -> u32 {
        let new = || u32::try_from(self.values.len()).expect("a book holds far fewer than 2^32 orders");
        self.free.last().copied().unwrap_or_else(new)
    }

    /// # Panics
    /// With 2^32 values; the book's bound is far below.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(id) = self.free.pop() {
            self.values[id as usize] = Some(value);
            return id;
        }
        let id = u32::try_from(self.values.len()).expect("a book holds far fewer than 2^32 orders");
        self.values.push(Some(value));
        id
    }

    /// # Panics
    /// If nothing has this number.
    pub(crate) fn remove(&mut self, id: u32) -> T {
        let value = self.values[id as usize].take().expect("a number in use has its value");
        self.free.push(id);
        value
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.values).filter_map(|(id, value)| Some((id, value.as_ref()?)))
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, id: u32) -> &T {
        self.values[id as usize].as_ref().expect("a number in use has its value")
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, id: u32) -> &mut T {
        self.values[id as usize].as_mut().expect("a number in use has its value")
    }
}
