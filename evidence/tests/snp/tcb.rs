//! The floor holds for every component of every TCB, in every generation's layout.

use evidence::{Generation, Reason, Tcb, TcbFloor};

use crate::world::world;

#[test]
fn every_component_of_every_tcb_is_held_to_the_floor() {
    for generation in Generation::ALL {
        let world = world(generation);
        // fmc stands in Turin's layout only.
        let first = usize::from(generation != Generation::Turin);
        for (at, reason) in [
            (0, Reason::CurrentTcb),
            (1, Reason::ReportedTcb),
            (2, Reason::CommittedTcb),
            (3, Reason::LaunchTcb),
        ] {
            for component in first..5 {
                // One more is fine, except where the certificate pins it.
                let more = world.with(|f| f.tcb[at][component] += 1).verify();
                match more {
                    Ok(_) => assert_ne!(at, 1),
                    Err(refused) => {
                        assert_eq!((at, refused.reason), (1, Reason::CertificateTcb));
                    }
                }
                let floor = |x: &mut evidence::Expected| {
                    let part = &mut x.tcb_floors[0].lowest;
                    *[
                        &mut part.fmc,
                        &mut part.bootloader,
                        &mut part.tee,
                        &mut part.snp,
                        &mut part.microcode,
                    ][component] += 1;
                };
                // A floor one above, and every TCB but this one meets it.
                let raised = world.with(|f| {
                    for other in (0..4).filter(|other| *other != at) {
                        f.tcb[other][component] += 1;
                    }
                });
                let refused = raised.expecting(floor).verify().unwrap_err();
                assert_eq!(refused.reason, reason, "{generation} {component}");
            }
        }
    }
}

#[test]
fn of_several_floors_each_must_be_met() {
    let world = world(Generation::Milan);
    let floor = |snp, microcode| TcbFloor {
        generation: Generation::Milan,
        lowest: Tcb {
            fmc: 0,
            bootloader: 0,
            tee: 0,
            snp,
            microcode,
        },
    };
    let Tcb { snp, microcode, .. } = world.floor();
    for (floors, accepted) in [
        (vec![floor(snp, 0), floor(0, microcode)], true),
        (vec![floor(snp, 0), floor(snp + 1, 0)], false),
        (vec![floor(snp + 1, 0), floor(snp, 0)], false),
        (vec![floor(0, 0), floor(0, microcode + 1)], false),
    ] {
        let case = world.case().expecting(|x| x.tcb_floors = floors);
        assert_eq!(case.verify().is_ok(), accepted);
    }
}
