//! The four signatures of a whole chain, to be checked by aws-lc with nothing
//! around them: what no verifier on it can be faster than.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PSS_2048_8192_SHA384};
use differential::Input;
use x509_cert::Certificate;
use x509_cert::der::{self, Decode as _, Encode as _};

use crate::Result;

pub(crate) struct Signatures {
    /// Keys of root, intermediate and chip.
    keys: [Vec<u8>; 3],
    /// What they signed, with the signature: the root and the intermediate by the
    /// root, the chip's by the intermediate, the report by the chip.
    signed: [(Vec<u8>, Vec<u8>); 4],
}

impl Signatures {
    pub(crate) fn of(input: &Input) -> Result<Self> {
        let [ark, ask, vcek] =
            [&input.ark, &input.ask, &input.certificate].map(|der| Certificate::from_der(der));
        let certificates = [ark?, ask?, vcek?];
        let key = |certificate: &Certificate| {
            let key = certificate.tbs_certificate().subject_public_key_info();
            key.subject_public_key.raw_bytes().to_vec()
        };
        let signed = |certificate: &Certificate| {
            let signed = certificate.tbs_certificate().to_der()?;
            Ok::<_, der::Error>((signed, certificate.signature().raw_bytes().to_vec()))
        };
        let [ark, ask, vcek] = &certificates;
        let report = evidence::Report::parse(&input.report)?;
        let of_report = (report.signed_bytes().to_vec(), report.signature().to_vec());
        Ok(Self {
            keys: [key(ark), key(ask), key(vcek)],
            signed: [signed(ark)?, signed(ask)?, signed(vcek)?, of_report],
        })
    }

    pub(crate) fn hold(&self) -> Result<()> {
        let [ark, ask, vcek] = &self.keys;
        let [of_ark, of_ask, of_vcek, of_report] = &self.signed;
        let ark = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, ark)?;
        ark.verify_sig(&of_ark.0, &of_ark.1)?;
        ark.verify_sig(&of_ask.0, &of_ask.1)?;
        let ask = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, ask)?;
        ask.verify_sig(&of_vcek.0, &of_vcek.1)?;
        let vcek = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, vcek)?;
        vcek.verify_sig(&of_report.0, &of_report.1)?;
        Ok(())
    }
}
