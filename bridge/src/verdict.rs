//! What an answer of the API server to a new job means: it will never take it, or
//! it may take it later. The customer hears constants; the server's own words are
//! for the provider's log.

use job::Ending;

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It will not take this order, however often it is asked.
    Never(Never),
    /// It may take it later.
    Later,
}

/// Why an order is never taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Never {
    /// 400, 422: the form.
    Form,
    /// 413: the size.
    Size,
    /// 403 that is no quota: a rule of the cluster.
    Forbidden,
}

impl Never {
    /// Its ending.
    pub(crate) const fn ending(self) -> Ending {
        match self {
            Self::Form => Ending::BadOrder,
            Self::Size => Ending::TooLarge,
            Self::Forbidden => Ending::NotAdmitted,
        }
    }

    /// What the customer is told.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Form => {
                "the provider's cluster does not take an order of this form: order again with \
                 other parameters, or ask the provider"
            }
            Self::Size => {
                "the provider's cluster does not take so large an order: send data later, \
                 sealed, not in parameters"
            }
            Self::Forbidden => {
                "a rule of the provider's cluster forbids this order: ask the provider, or order \
                 from another one"
            }
        }
    }
}

/// What an error means. Everything that is not certainly for ever may pass:
/// a connection that fails, 401, 404 (being installed), 409 (a quota that changed
/// at the same time), 429 and 5xx.
pub(crate) fn refusal(error: &kube::Error) -> Refusal {
    let kube::Error::Api(status) = error else {
        return Refusal::Later;
    };
    match status.code {
        400 | 422 => Refusal::Never(Never::Form),
        413 => Refusal::Never(Never::Size),
        // The quota's plugin has no reason of its own, only these words.
        403 if status.message.contains("exceeded quota") => Refusal::Later,
        // Until quotas are counted, the same plugin refuses with these.
        403 if status.message.contains("status unknown for quota") => Refusal::Later,
        403 => Refusal::Never(Never::Forbidden),
        _ => Refusal::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::{Never, Refusal, refusal};
    use kube::core::Status;

    fn answer(code: u16, message: &str) -> Refusal {
        let status = Status::failure(message, "Reason").with_code(code);
        refusal(&kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn what_is_never_taken_is_told_and_the_rest_is_tried_again() {
        assert_eq!(answer(400, "x"), Refusal::Never(Never::Form));
        assert_eq!(answer(422, "x"), Refusal::Never(Never::Form));
        assert_eq!(answer(413, "x"), Refusal::Never(Never::Size));
        let denied = "admission webhook \"a.b\" denied the request: no";
        assert_eq!(answer(403, denied), Refusal::Never(Never::Forbidden));
        let quota = "confidentialjobs.cdvm.dev \"j-1\" is forbidden: exceeded quota: q, \
                     requested: count/confidentialjobs.cdvm.dev=1, used: 0, limited: 0";
        assert_eq!(answer(403, quota), Refusal::Later);
        let uncounted = "j-1 is forbidden: status unknown for quota: q";
        assert_eq!(answer(403, uncounted), Refusal::Later);
        for code in [401, 404, 409, 429, 500, 503, 504] {
            assert_eq!(answer(code, "x"), Refusal::Later, "{code}");
        }
    }
}
