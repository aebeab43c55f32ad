//! Whether something is so, where it may be impossible to tell.

/// In the order of certainty: so the lesser of two is "both", the greater "one of them".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tri {
    /// It is not.
    No,
    /// It cannot be told.
    Maybe,
    /// It is.
    Yes,
}

impl Tri {
    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// The opposite, where `wanted` is false.
    pub(super) fn is(self, wanted: bool) -> Self {
        match self {
            known if wanted => known,
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }

    /// One of many: the surest.
    pub(super) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for one in all {
            found = found.max(one);
            if found == Self::Yes {
                break;
            }
        }
        found
    }

    /// All of many.
    pub(super) fn all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::Yes, Self::and)
    }
}

impl From<bool> for Tri {
    fn from(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }
}
