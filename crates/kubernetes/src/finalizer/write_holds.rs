use crate::call::ApiError;
use bytes::Bytes;
use rewitness_messaging::schedule::HoldWrite;

use super::access::{ATTEMPTS, Finalizers};
use super::patch::Seen;
use crate::Error;

/// What became of a hold write.
#[derive(Debug)]
pub(super) enum WriteResult {
    /// The resource as the server showed it, with our finalizers as they are to be.
    Observed(Bytes),
    /// It has gone, or its name is another's.
    Gone,
    /// It is not what it was: it is being deleted by now, so that nothing can be put on it, or it is
    /// at another version than the one for which a hold is to be removed.
    Changed,
}

impl Finalizers {
    /// Puts on and takes off what the hold write says, with one patch.
    ///
    /// A resource without any finalizer is the common case, so that is tried first, without
    /// reading. If the guess is wrong, its `test` fails and nothing has happened.
    pub(super) async fn write_holds(&self, write: &HoldWrite) -> Result<WriteResult, Error> {
        let HoldWrite { resource, add, remove, .. } = write;
        let patch_failed = |error| Error::Patch { resource: Box::new(resource.clone()), error };
        let bare = Seen { uid: resource.uid.to_string(), ..Seen::default() };
        let mut guess = remove.is_empty().then_some(bare);
        let mut tried = None;
        let mut wrong_path = false;
        for _ in 0..ATTEMPTS {
            let endpoint = self.endpoint(resource, wrong_path).await?;
            let seen = match guess.take() {
                Some(guess) => guess,
                None => {
                    let live = match self.read(&endpoint, resource).await {
                        Ok(Some(live)) => live,
                        Ok(None) => return Ok(WriteResult::Gone),
                        Err(ApiError::NoPath) if !wrong_path => {
                            wrong_path = true;
                            continue;
                        }
                        Err(error) => {
                            return Err(Error::Read { resource: Box::new(resource.clone()), error });
                        }
                    };
                    if live.seen.is_deleting() && !add.is_empty() {
                        return Ok(WriteResult::Changed);
                    }
                    if live.seen.change(add, remove).is_none() {
                        return Ok(WriteResult::Observed(live.body));
                    }
                    // A hold is removed for what the labels said at this version, and at no other:
                    // by now the resource may be wanted again, and be on its way out.
                    if !remove.is_empty() && !live.seen.is_at(write.version) {
                        return Ok(WriteResult::Changed);
                    }
                    if remove.is_empty() { live.seen.unpinned() } else { live.seen }
                }
            };
            // The same state refused twice is no race: the server has another reason.
            if let Some((before, error)) = tried.take()
                && before == seen
            {
                return Err(patch_failed(error));
            }
            let Some(patch) = seen.change(add, remove) else { continue };
            match self.write(&endpoint, resource, patch).await {
                Ok(body) => return Ok(WriteResult::Observed(body)),
                Err(ApiError::NoObject) => return Ok(WriteResult::Gone),
                Err(ApiError::NoPath) if !wrong_path => wrong_path = true,
                // A failed test, or something that the next read shows.
                Err(error @ (ApiError::Unprocessable { .. } | ApiError::Conflict)) => {
                    tried = Some((seen, error))
                }
                Err(error) => return Err(patch_failed(error)),
            }
        }
        Err(Error::Contended { resource: Box::new(resource.clone()), tries: ATTEMPTS })
    }
}
