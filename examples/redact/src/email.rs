//! E-mail addresses: a local part, `@`, a domain of at least two parts. Letters of every script count; quoted
//! local parts, addresses without a dot (`root@localhost`) or at a number (`x@10.0.0.1`) do not.

/// Masks every address. Works from each `@` to both sides: a run of characters ends at the next `@`, so none
/// is read more than twice.
pub(crate) fn pass(text: &str, mask: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('@') {
        out.push_str(before);
        let (local, domain) = (local(&out), domain(behind));
        if let (Some(after), true, true) = (behind.get(domain..), local > 0, domain > 0) {
            out.truncate(out.len().saturating_sub(local));
            out.push_str(mask);
            count += 1;
            rest = after;
        } else {
            out.push('@');
            rest = behind;
        }
    }
    out.push_str(rest);
    (out, count)
}

/// The length of the local part that ends the text; 0 when there is none. Of the marks RFC 5322 allows, those
/// that also stand around an address in running text (`=`, `/`, `*`, `!`, …) do not count.
fn local(before: &str) -> usize {
    let run = before.rfind(|c: char| !(c.is_alphanumeric() || "._%+-'&".contains(c)));
    let run = run.map_or(before, |at| before.get(at..).map_or("", skip_first));
    run.trim_start_matches(|c: char| !(c.is_alphanumeric() || "_+".contains(c)))
        .len()
}

fn skip_first(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

/// The length of the domain that begins the text; 0 when there is none. It is as long as can be, and its last
/// part begins with two letters.
fn domain(behind: &str) -> usize {
    let end = behind
        .find(|c: char| !(c.is_alphanumeric() || "-.".contains(c)))
        .unwrap_or(behind.len());
    let (mut length, mut at) = (0, 0);
    for (place, part) in behind.get(..end).unwrap_or_default().split('.').enumerate() {
        let part_end = at + part.trim_end_matches('-').len();
        if part_end == at || part.starts_with('-') {
            break;
        }
        if place > 0 && part.chars().take(2).filter(|c| c.is_alphabetic()).count() == 2 {
            length = part_end;
        }
        at += part.len() + 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::pass;

    fn masked(text: &str) -> String {
        pass(text, "@@").0
    }

    #[test]
    fn an_address_is_masked_in_running_text() {
        assert_eq!(
            masked("Write to jo.o'neill+dvm@mail.example.org."),
            "Write to @@."
        );
        assert_eq!(
            masked("<mailto:a_b@x.example>, 'c@y.example'"),
            "<mailto:@@>, '@@'"
        );
        assert_eq!(masked("jörg@müller.example; 李@例子.测试"), "@@; @@");
        assert_eq!(masked("1234567@x.example"), "@@");
        assert_eq!(masked("a@b.example,c@d.example"), "@@,@@");
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for text in [
            "@name",
            "a@",
            "me@localhost",
            "x@10.0.0.1",
            "a@b..example",
            "50 @ 3.20",
            "a@-b.example",
            "a@.example",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn two_signs_in_a_row_do_not_hide_an_address() {
        assert_eq!(masked("a@b@c.example"), "a@@@");
        assert_eq!(masked("a@b.example@c.example"), "@@@c.example");
    }

    #[test]
    fn a_mark_behind_the_domain_is_not_part_of_it() {
        assert_eq!(masked("a@b.example-"), "@@-");
        assert_eq!(masked("a@b.example.-"), "@@.-");
        assert_eq!(masked("a@b.example.1."), "@@.1.");
    }
}
