//! `metacloud run`: one execution, bought at the best price, its result fetched.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use indicatif::ProgressBar;
use metacloud_protocol::params::join_args;
use metacloud_protocol::{CategoryId, Nrlc, Tag};
use metacloud_sdk::ready::{ReadyFile, Role};
use metacloud_sdk::{App, Cloud, Cost, Deal, Ending, Error, Input, Progress, Purchase, TaskResult};
use serde_json::json;

use crate::args::RunArguments;
use crate::failure::{Failure, chained};
use crate::signals::Signals;
use crate::terminal::{rlc, spinner};
use crate::{places, ready, standing};

/// Buys, follows, fetches and says what it cost. Interrupted, it says what goes on without it.
pub(crate) async fn run(arguments: RunArguments) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    let line = spinner(arguments.json);
    let made = OnceCell::new();
    let ran = tokio::select! {
        ran = buy_and_fetch(&arguments, &line, &made) => ran,
        signal = signals.next() => Err(Failure::Interrupted(signal, left_behind(made.get()))),
    };
    line.finish_and_clear();
    ran
}

async fn buy_and_fetch(
    arguments: &RunArguments,
    line: &ProgressBar,
    made: &OnceCell<Deal>,
) -> Result<(), Failure> {
    let started = Instant::now();
    line.set_message("connecting");
    let purchase = purchase(arguments)?;
    let (ready, file) = ready_file(arguments)?;
    let requester = ready.account(Role::Requester).ok_or_else(|| {
        let file = file.display();
        Failure::environment(format!("{file} has no account with the role requester to pay with"))
    })?;
    let cloud =
        Cloud::connect(&ready, requester.private_key.0).await.map_err(|error| not_there(error, &file))?;
    if arguments.standing {
        line.set_message("uploading, leaving the request at the market");
        return standing::leave(&cloud, &purchase, arguments.json).await;
    }
    line.set_message("uploading, looking for the best price");
    let deal = cloud.buy(&purchase).await.map_err(failure)?;
    let deal = made.get_or_init(|| deal);
    let price = deal.record().task_price().unwrap_or(Nrlc::ZERO);
    line.println(format!("Deal {}", deal.id()));
    line.println(format!("     {}, trust {}", rlc(price), arguments.trust));
    let ending = follow(deal, line).await.map_err(failure)?;
    line.finish_and_clear();
    let cost = deal.cost().await.map_err(failure)?;
    let bought = Bought { deal, price, cost, seconds: started.elapsed().as_secs_f64() };
    match ending {
        Ending::Completed => completed(arguments, &bought).await,
        Ending::GivenUp { .. } | Ending::Claimed => not_completed(arguments, &bought, ending).await,
    }
}

/// What an interrupted purchase leaves behind.
fn left_behind(deal: Option<&Deal>) -> String {
    match deal.and_then(|deal| Some((deal.id(), deal.tasks().first()?.1))) {
        Some((deal, task)) => {
            format!("interrupted; the deal is made and goes on without you: deal {deal}, task {task}")
        }
        None => "interrupted before a deal was made; at most a transaction was already on its way".to_owned(),
    }
}

/// A cloud that does not answer may have ended since its ready file was written.
fn not_there(error: Error, file: &Path) -> Failure {
    let unreachable = matches!(error, Error::Connect(_) | Error::Call(_));
    let Failure::Environment(why) = failure(error) else {
        unreachable!("no connection is never an answer of the market");
    };
    match unreachable {
        true => Failure::environment(format!(
            "{why}; does the cloud of {} still run? start it with `metacloud up`, or give another --ready-file",
            file.display()
        )),
        false => Failure::Environment(why),
    }
}

/// An execution that was bought and has ended.
struct Bought<'a> {
    deal: &'a Deal,
    price: Nrlc,
    cost: Cost,
    seconds: f64,
}

fn purchase(arguments: &RunArguments) -> Result<Purchase, Failure> {
    let app: App = arguments.app.parse().map_err(failure)?;
    let inputs = arguments.input.iter().map(|input| input_of(input)).collect::<Result<_, _>>()?;
    let max_price = match &arguments.max_price {
        Some(text) => {
            Some(text.parse().map_err(|error| Failure::environment(format!("--max-price: {error}")))?)
        }
        None => None,
    };
    Ok(Purchase {
        args: join_args(&arguments.args).map_err(Failure::environment)?,
        inputs,
        trust: arguments.trust,
        category: CategoryId(arguments.category),
        max_price,
        tag: if arguments.confidential { Tag::TEE | Tag::TDX } else { Tag::NONE }.0,
        ..Purchase::new(app)
    })
}

fn input_of(text: &str) -> Result<Input, Failure> {
    if ["http://", "https://", "/ipfs/"].iter().any(|start| text.starts_with(start)) {
        return Ok(Input::Place(text.to_owned()));
    }
    let path = PathBuf::from(text);
    if path.is_file() {
        Ok(Input::File(path))
    } else {
        Err(Failure::environment(format!("--input {text}: no such file")))
    }
}

/// The cloud to buy from, and the file that describes it.
fn ready_file(arguments: &RunArguments) -> Result<(ReadyFile, PathBuf), Failure> {
    network(arguments.ready_file.as_deref(), arguments.network.as_deref())
}

/// The network of a ready file, of a name, or of the `up` of this machine, and the file that describes it.
pub(crate) fn network(
    ready_file: Option<&Path>,
    network: Option<&str>,
) -> Result<(ReadyFile, PathBuf), Failure> {
    let (path, next_step) = match (ready_file, network) {
        (Some(path), _) => (path.to_owned(), "give the file that `metacloud up --ready-file` wrote"),
        (None, Some(name)) => (network_path(name)?, "put the ready file of that network there"),
        (None, None) => {
            let path = places::running_up().ok_or_else(|| {
                Failure::environment(
                    "there is no home folder to find a running cloud in; give --ready-file FILE",
                )
            })?;
            (path, "start a cloud with `metacloud up`, or give --ready-file FILE")
        }
    };
    Ok((ready::read(&path, next_step)?, path))
}

fn network_path(name: &str) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !plain {
        return Err(Failure::environment(format!(
            "--network {name}: a name has letters, digits, - and _ only"
        )));
    }
    let folder = places::configuration().ok_or_else(|| {
        Failure::environment("there is no home folder to find networks in; give --ready-file FILE")
    })?;
    Ok(folder.join("networks").join(format!("{name}.json")))
}

/// Shows the task's progress until it has ended.
async fn follow(deal: &Deal, line: &ProgressBar) -> Result<Ending, Error> {
    let (mut contributed, mut revealed) = (0, 0);
    let mut watch = deal.watch().await?;
    line.set_message("waiting for a worker");
    while let Some(progress) = watch.next().await? {
        line.set_message(match progress {
            Progress::Initialized { .. } => "computing".to_owned(),
            Progress::Contributed { .. } => {
                contributed += 1;
                format!("{contributed} contributed")
            }
            Progress::Agreed { .. } => format!("{contributed} contributed, agreed"),
            Progress::Revealed { .. } => {
                revealed += 1;
                format!("{contributed} contributed, agreed, {revealed} revealed")
            }
            Progress::Reopened { .. } => "nobody proved the result; computing again".to_owned(),
            Progress::Rejected { worker, .. } => format!("worker {worker} was wrong and lost its stake"),
            Progress::Completed { .. } => "fetching the result".to_owned(),
            Progress::GivenUp { .. } => "given up".to_owned(),
            Progress::Claimed { .. } => "refunded".to_owned(),
            Progress::Reverted => "the chain took blocks back".to_owned(),
        });
    }
    Ok(watch.endings().iter().flatten().next().cloned().expect("a purchase has one task, and it has ended"))
}

async fn completed(arguments: &RunArguments, bought: &Bought<'_>) -> Result<(), Failure> {
    let &(index, task) = bought.deal.tasks().first().expect("a purchase has one task");
    let folder =
        arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("result-{}", &task.to_string()[..10])));
    let result = bought.deal.fetch(index, task, &folder).await.map_err(failure)?;
    if arguments.json {
        println!("{}", completed_json(bought, &result));
        return Ok(());
    }
    println!("Result in {}:", result.dir.display());
    for file in &result.files {
        println!("  {file}");
    }
    println!("Task {task}");
    println!("From {}", result.location);
    let (paid, gas) = (rlc(bought.cost.paid), bought.cost.gas_used);
    println!("Cost {paid} and {gas} gas, in {:.1} s", bought.seconds);
    Ok(())
}

fn completed_json(bought: &Bought<'_>, result: &TaskResult) -> serde_json::Value {
    let mut report = report(bought, "COMPLETED");
    report["resultDigest"] = json!(result.digest.to_string());
    report["location"] = json!(result.location);
    report["dir"] = json!(result.dir);
    report["files"] = json!(result.files);
    report
}

async fn not_completed(arguments: &RunArguments, bought: &Bought<'_>, ending: Ending) -> Result<(), Failure> {
    let (causes, fault) = match ending {
        Ending::GivenUp { causes, fault } => (causes, Some(fault)),
        Ending::Claimed | Ending::Completed => (Vec::new(), None),
    };
    let why = match causes.as_slice() {
        [] => "the task was not completed in time and its price came back".to_owned(),
        causes => causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    };
    let deadline_s = bought.deal.final_deadline_s().await.map_err(failure)?;
    if arguments.json {
        let mut report = report(bought, "FAILED");
        report["causes"] = json!(causes);
        report["fault"] = json!(fault);
        report["refundFrom"] = json!(deadline_s);
        println!("{report}");
    }
    let refund = match bought.cost.pending.is_zero() {
        true => String::new(),
        false => {
            let pending = rlc(bought.cost.pending);
            format!(
                " ({pending} can be claimed back after the deal's final deadline, {})",
                minutes_until(deadline_s)
            )
        }
    };
    Err(Failure::no(format!("the task failed: {why}{refund}")))
}

/// A time of the chain, for people.
fn minutes_until(deadline_s: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match deadline_s.saturating_sub(now.as_secs()).div_ceil(60) {
        0 => "which has passed".to_owned(),
        minutes => format!("in {minutes} min"),
    }
}

/// What is the same of every ending; amounts in nRLC as decimal strings.
fn report(bought: &Bought<'_>, status: &str) -> serde_json::Value {
    let task = bought.deal.tasks().first().map(|(_, task)| task.to_string());
    json!({
        "status": status,
        "dealId": bought.deal.id().to_string(),
        "taskId": task,
        "workerpool": bought.deal.record().workerpool.pointer.to_string(),
        "priceNrlc": bought.price.0.to_string(),
        "paidNrlc": bought.cost.paid.0.to_string(),
        "refundedNrlc": bought.cost.refunded.0.to_string(),
        "pendingNrlc": bought.cost.pending.0.to_string(),
        "gasUsed": bought.cost.gas_used,
        "seconds": bought.seconds,
    })
}

/// Answers of the market and of the chain to a sound request are a no; everything else is the surroundings.
pub(crate) fn failure(error: Error) -> Failure {
    let text = match &error {
        Error::NotEnoughRlc(shortage) => format!(
            "account {} needs {} for this purchase but has {} free in escrow and {} in its wallet; send it {}",
            shortage.account,
            rlc(shortage.needs),
            rlc(shortage.stake),
            rlc(shortage.tokens),
            rlc(shortage.missing())
        ),
        Error::TooDear { price, limit } => format!(
            "the best price is {} per task, above the limit of {}; raise --max-price, or wait for other offers",
            rlc(*price),
            rlc(*limit)
        ),
        error => chained(error),
    };
    match error {
        Error::NoOffer { .. }
        | Error::NotOnSale { .. }
        | Error::TooDear { .. }
        | Error::MarketRefused { .. }
        | Error::BadOffer { .. }
        | Error::WrongResult { .. }
        | Error::NotCompleted(_)
        | Error::NoResult { .. } => Failure::no(text),
        _ => Failure::environment(text),
    }
}
