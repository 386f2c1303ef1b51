//! Requests and their answers.

use maec_protocol::{FromEngine, Reply, Request, RequestId, ToEngine};

use crate::bench::Bench;
use crate::job::Job;
#[cfg(feature = "own")]
use crate::own::Own;
use crate::{Failure, Host, Started};

/// The engine: a host, its device, the pack on the bench, and the models that people brought.
pub struct Engine<H> {
    host: H,
    started: Option<Started>,
    bench: Option<Bench>,
    #[cfg(feature = "own")]
    own: Own,
}

/// A reply and the files that come with it.
type Answer = Result<(Reply, Vec<Vec<u8>>), Failure>;

impl<H: Host> Engine<H> {
    /// An engine that has not started.
    pub fn new(host: H) -> Self {
        Self {
            host,
            started: None,
            bench: None,
            #[cfg(feature = "own")]
            own: Own::default(),
        }
    }

    /// Answers one request: any number of progress messages and tokens, then exactly one other reply — unless the
    /// device is lost, of which the host is told instead. A cancellation is the host's to hear; here it is ignored.
    pub async fn handle(&mut self, message: ToEngine) {
        let ToEngine { id, body } = message;
        if let Request::Cancel { .. } = body {
            return;
        }
        let (body, files) = match self.answer(id, body).await {
            Ok(answer) => answer,
            Err(Failure::Cancelled) => (Reply::Cancelled, Vec::new()),
            Err(Failure::Refused { message, hint }) => {
                (Reply::Failed { message, hint, gpu_unusable: false }, Vec::new())
            }
            Err(Failure::Device(reason)) if H::GPU => return self.host.lost(&reason),
            Err(Failure::Device(reason)) => {
                let message = format!("The engine lost a result ({reason}).");
                let hint = Some("Try it again.".into());
                (Reply::Failed { message, hint, gpu_unusable: false }, Vec::new())
            }
            Err(Failure::Unusable(message)) => {
                (Reply::Failed { message, hint: None, gpu_unusable: true }, Vec::new())
            }
        };
        self.host.post(&FromEngine { id, body }, files);
    }

    async fn answer(&mut self, id: RequestId, request: Request) -> Answer {
        let job = Job::new(&self.host, id);
        if job.flow().is_break() {
            return Err(Failure::Cancelled);
        }
        let plain = |reply| Ok((reply, Vec::new()));
        match request {
            Request::Start { allow_software } => {
                // A device starts once.
                let started = match self.started.take() {
                    Some(started) => started,
                    None => self.host.start(allow_software).await?,
                };
                let backend = started.backend.clone();
                self.started = Some(started);
                plain(Reply::Ready { backend })
            }
            Request::OpenPack { url } => {
                let device = self.started.as_ref().ok_or_else(not_started)?.device.clone();
                let (bench, pack) = Bench::open(&job, &url, device).await?;
                self.bench = Some(bench);
                plain(Reply::PackOpened { pack })
            }
            Request::Cancel { .. } => Err(Failure::Cancelled),
            Request::Look { .. }
            | Request::Weigh { .. }
            | Request::Load { .. }
            | Request::GenerateOwn { .. }
            | Request::EvaluateOwn { .. }
            | Request::Template { .. }
            | Request::Filter { .. }
            | Request::Plan { .. }
            | Request::Write { .. }
            | Request::Inspect { .. } => {
                let started = self.started.as_ref().ok_or_else(not_started)?;
                #[cfg(feature = "own")]
                return plain(self.own.answer(&job, request, started).await?);
                #[cfg(not(feature = "own"))]
                return Err(packs_only(started));
            }
            request => {
                let bench = self.bench.as_mut().ok_or_else(no_pack)?;
                match request {
                    Request::Score { recipe } => plain(bench.score(&job, &recipe).await?),
                    Request::Merge { recipe } => plain(bench.merge_for_page(&job, &recipe).await?),
                    Request::Evaluate { recipe, subjects, set, problems_per_language, lambda } => {
                        let asked = bench.asked(set, problems_per_language)?;
                        bench.prepare(&job, &recipe, &subjects, lambda).await?;
                        plain(bench.evaluate(&job, &subjects, asked).await?)
                    }
                    Request::Generate { recipe, subject, prompt, max_new_tokens } => {
                        let lambda = bench.pack.manifest().lambda;
                        bench.prepare(&job, &recipe, &[subject], lambda).await?;
                        plain(bench.generate(&job, subject, &prompt, max_new_tokens).await?)
                    }
                    Request::Export { recipe } => bench.export(&job, &recipe).await,
                    // Answered above.
                    _ => Err(Failure::Cancelled),
                }
            }
        }
    }
}

fn not_started() -> Failure {
    Failure::refused("The engine has not been started.", "Reload the page.")
}

#[cfg(not(feature = "own"))]
fn packs_only(_: &Started) -> Failure {
    Failure::refused("This engine runs packs only.", "Start the one for your own models.")
}

fn no_pack() -> Failure {
    Failure::refused("No pack is open.", "Open a pack first.")
}
