//! Goldens made by peer programs: made again with the pinned versions and compared with the committed ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, peers};

/// The makers of goldens, by the folder in `tests/goldens` that each fills.
const MAKERS: [(&str, &str); 2] = [("mergekit", "mergekit_goldens.py"), ("peft", "peft_goldens.py")];

/// Makes what mergekit and PEFT answer once more and prints each file that differs from `tests/goldens`; `write` takes the
/// new files over. `false` when something differs and isn't taken over.
///
/// # Errors
/// When Python 3 or a package can't be had, or a maker can't be started.
pub fn mergekit(write: bool) -> Result<bool> {
    let python = python()?;
    let mut same = true;
    for (folder, script) in MAKERS {
        let fresh = paths::target().join("parity").join(folder);
        if fresh.exists() {
            fs::remove_dir_all(&fresh).with_context(|| format!("emptying {}", fresh.display()))?;
        }
        let mut maker = Command::new(&python);
        // mergekit goes through sets in the order of Python's hashes.
        maker.env("PYTHONHASHSEED", "0").arg(paths::root().join("xtask/peers").join(script));
        maker.arg(paths::root().join("tests/goldens").join(folder)).arg(&fresh);
        if write {
            maker.arg("--write");
        }
        same &= maker.status().with_context(|| format!("starting {}", python.display()))?.success();
    }
    Ok(same & sparse_methods(&python, write)?)
}

/// What both compute on one tensor by the methods that sparsify: a file beside the test that reads it.
fn sparse_methods(python: &Path, write: bool) -> Result<bool> {
    let folder = paths::root().join("crates/merge/tests/methods_sparse");
    let fresh = peers::run(Command::new(python).arg(folder.join("peers.py")))?;
    let file = folder.join("peers.json");
    let same = fs::read(&file).with_context(|| format!("reading {}", file.display()))? == fresh;
    if same {
        println!("methods_sparse: the same");
    } else if write {
        fs::write(&file, fresh).with_context(|| format!("writing {}", file.display()))?;
        println!("methods_sparse: {} is written", file.display());
    } else {
        println!("methods_sparse: {} differs", file.display());
    }
    Ok(same || write)
}

/// A Python with mergekit and PEFT, in an environment that takes PyTorch and transformers from the one that has them.
///
/// # Errors
/// When Python 3 or a package can't be had.
pub fn python() -> Result<PathBuf> {
    let below = packages(&peers::python_with_transformers()?)?;
    let own = peers::python_in("mergekit")?;
    let link = Path::new(&packages(&own)?).join("torch.pth");
    fs::write(&link, below).with_context(|| format!("writing {}", link.display()))?;
    peers::python_with("mergekit", "mergekit==0.1.5 peft==0.21.2")
}

/// The folder that a Python has its packages in.
fn packages(python: &Path) -> Result<String> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'), end='')";
    let printed = peers::run(Command::new(python).args(["-c", code]))?;
    String::from_utf8(printed).context("Python's folder of packages has a name that isn't UTF-8")
}
