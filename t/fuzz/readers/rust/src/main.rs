// serde_json with its default features, as Rust's SDK has it.  The protocol
// is described in json_readers.h.

use serde_json::Value;
use std::io::{self, Read, Write};

fn dump_string(out: &mut String, s: &str) {
    out.push('"');

    for unit in s.encode_utf16() {
        match unit {
            0x08 => out.push_str("\\b"),
            0x09 => out.push_str("\\t"),
            0x0a => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            0x0d => out.push_str("\\r"),
            0x22 => out.push_str("\\\""),
            0x5c => out.push_str("\\\\"),
            0x20..=0x7e => out.push(unit as u8 as char),
            _ => out.push_str(&format!("\\u{:04x}", unit)),
        }
    }

    out.push('"');
}

fn dump(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push('n'),
        Value::Bool(true) => out.push('t'),
        Value::Bool(false) => out.push('f'),
        Value::String(s) => dump_string(out, s),

        Value::Number(n) => {
            if n.is_f64() {
                let v = n.as_f64().unwrap() + 0.0;
                let v = if v == 0.0 { 0.0 } else { v };
                out.push_str(&format!("d{:016x}", v.to_bits()));
            } else {
                out.push_str(&format!("i{}", n));
            }
        }

        Value::Array(items) => {
            out.push('[');

            for item in items {
                dump(out, item);
                out.push(',');
            }

            out.push(']');
        }

        Value::Object(members) => {
            let mut names: Vec<(String, &Value)> = members
                .iter()
                .map(|(name, item)| {
                    let mut text = String::new();
                    dump_string(&mut text, name);
                    (text, item)
                })
                .collect();

            names.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');

            for (name, item) in names {
                out.push_str(&name);
                out.push(':');
                dump(out, item);
                out.push(',');
            }

            out.push('}');
        }
    }
}

fn answer(text: &[u8]) -> String {
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => {
            let mut out = String::new();
            dump(&mut out, &value);
            out.push('\n');
            out
        }

        Err(_) => String::from("E\n"),
    }
}

fn length(bytes: &[u8]) -> usize {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();

    loop {
        let mut head = [0u8; 4];

        if input.read_exact(&mut head).is_err() {
            return Ok(());
        }

        let mut batch = vec![0u8; length(&head)];
        let mut answers = Vec::new();
        let mut i = 0;

        input.read_exact(&mut batch)?;

        while i < batch.len() {
            let end = i + 4 + length(&batch[i..]);
            let text = answer(&batch[i + 4..end]);

            answers.extend((text.len() as u32).to_le_bytes());
            answers.extend(text.as_bytes());
            i = end;
        }

        output.write_all(&(answers.len() as u32).to_le_bytes())?;
        output.write_all(&answers)?;
        output.flush()?;
    }
}
