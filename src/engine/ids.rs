//! Identifiers: dense indices with a type.

/// Declares one index type.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into an array.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A resource of a program.
    ResourceId
);
id!(
    /// An activity of a program, in the order of addition.
    ActivityId
);
id!(
    /// A place among the running activities: taken at the begin of the work, and given to another
    /// after its end, so that what runs lies close together however large the program is.
    Slot
);
id!(
    /// A memory pool of a program.
    PoolId
);
id!(
    /// A stream of a program: its activities run one after another.
    StreamId
);
