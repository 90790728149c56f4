//! Stands in for the crate `inventory`. tract-onnx, of which Edgewise uses the ONNX messages, registers tract's kernels and
//! operators by it in constructors, which the linker must keep: 1.2 MB of brotli that nothing calls. Here nothing is
//! registered.
#![no_std]

/// A type that things are registered as.
pub trait Collect: 'static {}

/// Makes a type one that things can be registered as.
#[macro_export]
macro_rules! collect {
    ($type:ty) => {
        impl $crate::Collect for $type {}
    };
}

/// Registers nothing.
#[macro_export]
macro_rules! submit {
    ($($tokens:tt)*) => {};
}

mod registered {
    use core::convert::Infallible;
    use core::iter::Empty;
    use core::marker::PhantomData;
    use core::ops::Deref;

    /// All that is registered as a `T`: nothing. It is written `iter::<T>`, with a call or without.
    #[allow(non_camel_case_types)]
    pub enum iter<T> {
        /// Never made: it ties the type to `T`.
        Never(Infallible, PhantomData<T>),
        /// The value.
        iter,
    }

    pub use self::value::*;

    mod value {
        pub use super::iter::iter;
    }

    impl<T: 'static> IntoIterator for iter<T> {
        type Item = &'static T;
        type IntoIter = Empty<&'static T>;

        fn into_iter(self) -> Empty<&'static T> {
            core::iter::empty()
        }
    }

    impl<T: 'static> Deref for iter<T> {
        type Target = fn() -> Empty<&'static T>;

        fn deref(&self) -> &Self::Target {
            &(core::iter::empty as fn() -> Empty<&'static T>)
        }
    }
}

pub use registered::*;
