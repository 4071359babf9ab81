//! The offer: what a provider publishes about one service, and a customer keeps.

use serde::{Deserialize, Serialize};

use crate::{OfferId, PublicKey, Terms};

/// An offer whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Event id of the 31990.
    pub id: OfferId,
    /// O.
    pub provider: PublicKey,
    /// Name of the service (the event's `d` tag).
    pub service: String,
    /// Request kind (the event's `k` tag).
    pub kind: u16,
    /// The event's content.
    pub content: OfferContent,
}

/// Content of the offer event. More fields may stand beside these, for clients
/// that show offers of every sort (NIP-89): nothing of a job follows from them.
/// Inside `cdvm` none may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferContent {
    /// Name for people.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// The terms of a job.
    pub cdvm: Terms,
}

#[cfg(test)]
mod tests {
    use super::OfferContent;
    use crate::examples;
    use serde_json::{Value, json};

    fn read(change: impl FnOnce(&mut Value)) -> Result<OfferContent, serde_json::Error> {
        let mut content = serde_json::to_value(examples::offer().content).unwrap();
        change(&mut content);
        serde_json::from_value(content)
    }

    #[test]
    fn what_other_clients_read_may_stand_beside_the_terms_and_not_in_them() {
        let more = read(|content| content["nip90Params"] = json!({"x": {"values": [1]}}));
        assert_eq!(more.unwrap(), examples::offer().content);
        assert!(read(|content| content["cdvm"]["network"]["more"] = json!(1)).is_err());
        assert!(read(|content| content["cdvm"]["more"] = json!(1)).is_err());
        // What is read stands there once and whole.
        for field in ["name", "about", "cdvm"] {
            let less = read(|content| drop(content.as_object_mut().unwrap().remove(field)));
            assert!(less.is_err(), "{field}");
        }
        let content = examples::offer().content;
        let text = serde_json::to_string(&content).unwrap();
        let twice = text.replacen('{', "{\"about\":\"another\",", 1);
        assert!(serde_json::from_str::<OfferContent>(&twice).is_err());
    }
}
