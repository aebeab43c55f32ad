//! Fixed-size records without padding, and how to read them back.

/// Declares a `repr(C)` record of fixed-width fields, proves at compile time that it has no
/// padding (the ring buffer hands out memory that is not zeroed: padding would leak what was there
/// before), and, with the feature `decode`, derives a reader that checks lengths instead of casting,
/// and a form in JSON: an object of the fields that are not zero.
macro_rules! wire {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[repr(C, align(8))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name { $($(#[$field_meta])* pub $field: $kind,)* }

        const _: () = assert!(
            size_of::<$name>() == 0 $(+ size_of::<$kind>())*,
            concat!(stringify!($name), " has padding")
        );

        #[cfg(feature = "decode")]
        impl $crate::event::Wire for $name {
            const ZERO: Self = Self { $($field: $crate::event::Wire::ZERO,)* };

            fn read(buf: &mut impl bytes::Buf) -> Result<Self, $crate::event::Short> {
                Ok(Self { $($field: $crate::event::Wire::read(buf)?,)* })
            }

            fn to_json(&self) -> serde_json::Value {
                let mut fields = serde_json::Map::new();
                $(if self.$field != <$kind as $crate::event::Wire>::ZERO {
                    let value = $crate::event::Wire::to_json(&self.$field);
                    fields.insert(std::string::String::from(stringify!($field)), value);
                })*
                fields.into()
            }

            fn from_json(value: &serde_json::Value) -> Result<Self, $crate::json::Misfit> {
                let fields = value.as_object().ok_or($crate::json::Misfit("an object"))?;
                let mut read = <Self as $crate::event::Wire>::ZERO;
                $(if let Some(value) = fields.get(stringify!($field)) {
                    read.$field = $crate::event::Wire::from_json(value)?;
                })*
                Ok(read)
            }
        }
    };
}
