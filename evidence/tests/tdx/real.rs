use crate::world::*;
#[test]
fn x() {
    for r in [V4,V5,V5_EXTENDED] { let t=std::time::Instant::now(); 
      match r.case().verify() { Ok(v)=>{ for c in v.checks(){println!("{c}");} println!("{:?}",v.claims()); } Err(e)=>{ println!("REFUSED {:?}", e.reason); for c in &e.checks {println!("{c}");}}} println!("{:?}", t.elapsed()); }
    let t=std::time::Instant::now();
      match simulated(|_|{}).verify() { Ok(v)=>{ for c in v.checks(){println!("{c}");} println!("{:?}",v.claims()); } Err(e)=>{ println!("REFUSED {:?}", e.reason); for c in &e.checks {println!("{c}");}}} println!("{:?}", t.elapsed()); 
}
