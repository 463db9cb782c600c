//! The program on a terminal of its own: it looks as it does to a person, and can be answered.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Terminal;
use anyhow::{Context, Result};
use rewitness_controlplane::until;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

const PATIENCE: Duration = Duration::from_secs(120);

/// A program on a terminal. Dropping it kills it.
pub struct OnTerminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl OnTerminal {
    pub fn start(command: Command) -> Result<Self> {
        Self::sized(command, 100)
    }

    /// On a terminal with so many columns.
    pub fn sized(mut command: Command, columns: usize) -> Result<Self> {
        let Terminal { mut ours, theirs } = Terminal::open(columns)?;
        command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let (keyboard, shown) = (ours.try_clone()?, Arc::new(Mutex::new(String::new())));
        let screen = shown.clone();
        // A terminal can only be read blocking; the thread ends when the program has closed its end.
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = ours.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..length]);
                screen.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { child, keyboard, shown })
    }

    pub fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it shows this.
    pub async fn shows(&self, text: &str) -> Result<()> {
        let seen = until(text, PATIENCE, async || Ok(self.shown().contains(text).then_some(()))).await;
        seen.with_context(|| self.shown())
    }

    pub fn types(&mut self, text: &str) -> Result<()> {
        Ok(self.keyboard.write_all(text.as_bytes())?)
    }

    pub fn interrupt(&self) -> Result<()> {
        let id =
            self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("it has ended already")?;
        Ok(kill_process(id, Signal::INT)?)
    }

    pub async fn end(mut self) -> Result<Option<i32>> {
        Ok(tokio::time::timeout(PATIENCE, self.child.wait()).await.with_context(|| self.shown())??.code())
    }
}
