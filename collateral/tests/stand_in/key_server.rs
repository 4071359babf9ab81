//! A stand-in of the vendor's key server, with its outages: what it answers is
//! written down before, byte for byte, and it remembers what it was asked.
#![allow(dead_code, reason = "who includes it uses what it needs")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// 200 with this body, and a header, `Name: value`.
    With(String, Vec<u8>),
    /// Another status, with a Retry-After.
    Status(u16, Option<u64>),
    /// Another status, with a date as Retry-After.
    Until(u16, String),
    /// 200 with this body, once somebody says so.
    When(Arc<Notify>, Vec<u8>),
    /// The connection stays open, and nothing comes.
    Hang,
    /// 200 with a longer Content-Length than body.
    Cut(Vec<u8>),
    /// 302 to this place.
    Redirect(String),
}

type Answers = Arc<Mutex<BTreeMap<String, Vec<Answer>>>>;
type Asked = Arc<Mutex<Vec<(String, Instant)>>>;

/// The server; it lives as long as its runtime.
pub(crate) struct KeyServer {
    pub(crate) url: String,
    answers: Answers,
    asked: Asked,
}

impl KeyServer {
    pub(crate) async fn start() -> Self {
        Self::listen("http", None).await
    }

    /// Behind TLS.
    pub(crate) async fn with_tls(config: rustls::ServerConfig) -> Self {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        Self::listen("https", Some(acceptor)).await
    }

    async fn listen(scheme: &str, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            url: format!("{scheme}://localhost:{port}"),
            answers: Answers::default(),
            asked: Asked::default(),
        };
        let (answers, asked) = (Arc::clone(&server.answers), Arc::clone(&server.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answers, &asked).await,
                        Some(tls) => {
                            // Who does not like the certificate hangs up.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &answers, &asked).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// What it answers for a path, one after the other, the last one for ever.
    /// What it has no answer for is not there.
    pub(crate) fn answers(&self, path: &str, answers: &[Answer]) {
        let path = format!("/{path}");
        self.answers.lock().unwrap().insert(path, answers.to_vec());
    }

    /// The paths it was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Milliseconds between the requests.
    pub(crate) fn pauses(&self) -> Vec<u128> {
        let asked = self.asked.lock().unwrap();
        asked
            .windows(2)
            .map(|two| two[1].1.duration_since(two[0].1).as_millis())
            .collect()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answers: &Answers, asked: &Asked) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(len) => head.extend_from_slice(&buffer[..len]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push((path.clone(), Instant::now()));
    let answer = {
        let mut answers = answers.lock().unwrap();
        match answers.get_mut(&path) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => Answer::Status(404, None),
        }
    };
    let response = match answer {
        Answer::Body(body) => response(200, "", body.len(), &body),
        Answer::With(header, body) => response(200, &format!("{header}\r\n"), body.len(), &body),
        Answer::When(said, body) => {
            said.notified().await;
            response(200, "", body.len(), &body)
        }
        Answer::Cut(body) => response(200, "", body.len() + 100, &body),
        Answer::Status(status, after) => {
            let after = after.map_or_else(String::new, |after| format!("Retry-After: {after}\r\n"));
            response(status, &after, 0, &[])
        }
        Answer::Until(status, date) => {
            response(status, &format!("Retry-After: {date}\r\n"), 0, &[])
        }
        Answer::Redirect(to) => response(302, &format!("Location: {to}\r\n"), 0, &[]),
        Answer::Hang => std::future::pending().await,
    };
    let _ = stream.write_all(&response).await;
    let _ = stream.shutdown().await;
}

fn response(status: u16, headers: &str, len: usize, body: &[u8]) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 {status} x\r\n{headers}Content-Length: {len}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}
