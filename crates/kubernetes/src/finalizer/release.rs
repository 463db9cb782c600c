use crate::call::ApiError;
use rewitness_messaging::{ResourceId, Version};

use super::access::{ATTEMPTS, Finalizers};
use crate::Error;

/// From which resources a finalizer may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// Only from one that is being deleted: its consumer has answered for it, at this version if one
    /// is given.
    Deleting { at: Option<Version> },
    /// Only from one that lives: a deletion that has begun goes on.
    Live,
    /// From any: somebody gives up a hold.
    Any,
}

/// What became of a finalizer that was to be removed. In each case but the last it is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It was there, and was removed.
    Now,
    /// It was not there.
    WasNotThere,
    /// The resource has gone, or another has its name.
    Gone,
    /// The resource is being deleted, and keeps it: only a live one was to lose it.
    Kept,
}

impl Finalizers {
    /// Takes the finalizer off a resource that is being deleted, at this version if one is given.
    ///
    /// Answers whether it is not on it any more, however that came. `false`: it is, and the resource is at
    /// another version.
    pub(crate) async fn release(
        &self,
        resource: &ResourceId,
        finalizer: &str,
        at: Option<Version>,
    ) -> Result<bool, Error> {
        match self.remove(resource, finalizer, From::Deleting { at }).await {
            Ok(_) => Ok(true),
            Err(Error::Changed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads, and patches what was read, until one of both says that it is off. A patch applies to the
    /// version that was read, and to no other.
    pub(super) async fn remove(
        &self,
        resource: &ResourceId,
        finalizer: &str,
        from: From,
    ) -> Result<Removed, Error> {
        let mut tried = None;
        let mut wrong_path = false;
        for _ in 0..ATTEMPTS {
            let endpoint = self.endpoint(resource, wrong_path).await?;
            let live = match self.read(&endpoint, resource).await {
                Ok(Some(live)) => live,
                Ok(None) => return Ok(Removed::Gone),
                Err(ApiError::NoPath) if !wrong_path => {
                    wrong_path = true;
                    continue;
                }
                Err(error) => return Err(Error::Read { resource: Box::new(resource.clone()), error }),
            };
            if !live.seen.has(finalizer) {
                return Ok(Removed::WasNotThere);
            }
            if from == From::Live && live.seen.is_deleting() {
                return Ok(Removed::Kept);
            }
            if let From::Deleting { at } = from {
                if at.is_some_and(|version| !live.seen.is_at(version)) {
                    return Err(Error::Changed { resource: Box::new(resource.clone()) });
                }
                if !live.seen.is_deleting() {
                    return Err(Error::NotDeleting {
                        resource: Box::new(resource.clone()),
                        hold: finalizer.to_owned(),
                    });
                }
            }
            // The same state refused twice is no race: the server has another reason.
            if let Some((before, error)) = tried.take()
                && before == live.seen
            {
                return Err(Error::Patch { resource: Box::new(resource.clone()), error });
            }
            let Some(patch) = live.seen.change(&[] as &[&str], &[finalizer]) else { continue };
            match self.write(&endpoint, resource, patch).await {
                Ok(_) => return Ok(Removed::Now),
                Err(ApiError::NoObject) => return Ok(Removed::Gone),
                Err(
                    error @ (ApiError::Overloaded { .. }
                    | ApiError::Forbidden { .. }
                    | ApiError::Status { status: 403, .. }
                    | ApiError::Unauthorized),
                ) => {
                    return Err(Error::Patch { resource: Box::new(resource.clone()), error });
                }
                // A test failed; or no answer came, and the patch may have been applied all the
                // same. The next read tells.
                Err(error) => tried = Some((live.seen, error)),
            }
        }
        Err(Error::Contended { resource: Box::new(resource.clone()), tries: ATTEMPTS })
    }
}
