//! The threads beside the caller's. A job is open while its caller is in [`run`]; threads that come in take parts until none is
//! left, and the caller, who takes parts as well, leaves when nobody is inside any more.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};

type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// How often a thread looks for a job before it sleeps, about 50 microseconds: the next operator's job comes sooner than waking takes.
const LOOKS: u32 = 50_000;

static SERVERS: AtomicUsize = AtomicUsize::new(0);
/// Whether a job is under way. What a part starts itself runs on its own thread.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static IS_OPEN: AtomicBool = AtomicBool::new(false);
/// Changes with each job; what threads sleep on.
static TURN: AtomicU32 = AtomicU32::new(0);
static ASLEEP: AtomicU32 = AtomicU32::new(0);
/// Threads that may hold the job; what the caller sleeps on.
static INSIDE: AtomicU32 = AtomicU32::new(0);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static JOB: Job = Job(UnsafeCell::new(None));
/// What a part panicked with.
static PANIC: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
/// Not 0 where a thread has trapped, and so never leaves.
static LOSS: AtomicU32 = AtomicU32::new(0);
/// Whether the caller sleeps.
static IS_AWAITED: AtomicBool = AtomicBool::new(false);
/// Whether the caller's thread may sleep, which that of a page may not.
static MAY_WAIT: AtomicBool = AtomicBool::new(false);

struct Job(UnsafeCell<Option<(*const Work<'static>, usize)>>);

// SAFETY: it is written while the job is closed and nobody is inside, and read inside.
unsafe impl Sync for Job {}

/// The threads that take parts, the caller's included.
pub fn threads() -> usize {
    #[cfg(test)]
    if IS_ALONE.get() {
        return 1;
    }
    1 + SERVERS.load(SeqCst)
}

#[cfg(test)]
thread_local! {
    static IS_ALONE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Does something as if there were no other threads.
#[cfg(test)]
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    IS_ALONE.set(true);
    let result = work();
    IS_ALONE.set(false);
    result
}

/// How many jobs there were.
#[cfg(test)]
pub fn jobs() -> u32 {
    TURN.load(SeqCst)
}

/// Lets the caller's thread sleep while others finish.
#[cfg_attr(test, allow(dead_code))]
pub fn allow_wait() {
    MAY_WAIT.store(true, SeqCst);
}

/// Counts this thread in, before it serves: what it does not come to take, others do. The address of what JavaScript sets to 1
/// where the thread has trapped, since nothing of ours can be called any more.
pub fn enlist() -> usize {
    SERVERS.fetch_add(1, SeqCst);
    LOSS.as_ptr() as usize
}

/// Takes parts of jobs for as long as the thread lives, which was counted in.
pub fn serve() -> ! {
    let mut seen = TURN.load(SeqCst);
    loop {
        let is_soon = (0..LOOKS).any(|_| {
            std::hint::spin_loop();
            TURN.load(SeqCst) != seen
        });
        if !is_soon {
            ASLEEP.fetch_add(1, SeqCst);
            while TURN.load(SeqCst) == seen {
                sleep(&TURN, seen);
            }
            ASLEEP.fetch_sub(1, SeqCst);
        }
        seen = TURN.load(SeqCst);
        INSIDE.fetch_add(1, SeqCst);
        // The caller closes the job before it looks who is inside: either it sees this thread, or this one sees it closed.
        if IS_OPEN.load(SeqCst) {
            // SAFETY: the caller stays while this thread is inside.
            if let Some((work, parts)) = unsafe { *JOB.0.get() } {
                // SAFETY: as above.
                let work = unsafe { &*work };
                let outcome = catch_unwind(AssertUnwindSafe(|| take_parts(work, parts)));
                if let (Err(payload), Ok(mut panic)) = (outcome, PANIC.try_lock()) {
                    *panic = Some(payload);
                }
            }
        }
        if INSIDE.fetch_sub(1, SeqCst) == 1 && IS_AWAITED.load(SeqCst) {
            wake(&INSIDE);
        }
    }
}

fn take_parts(work: &Work, parts: usize) {
    loop {
        let part = NEXT.fetch_add(1, SeqCst);
        if part >= parts {
            return;
        }
        work(part);
    }
}

/// Does every part; a panic of any is one here.
pub fn run(parts: usize, work: &Work) {
    if SERVERS.load(SeqCst) == 0 || IS_TAKEN.swap(true, SeqCst) {
        return (0..parts).for_each(work);
    }
    {
        let _open = Open::new(parts, work);
        take_parts(work, parts);
    }
    let payload = PANIC.try_lock().ok().and_then(|mut panic| panic.take());
    if let Some(payload) = payload {
        resume_unwind(payload);
    }
}

/// An open job, closed in whatever way its caller leaves.
struct Open;

impl Open {
    fn new(parts: usize, work: &Work) -> Open {
        // SAFETY: only lifetimes differ; nobody has it any more when the job is closed.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: the job is closed and nobody is inside; whoever is taken in by `TURN` waits for `IS_OPEN`.
        unsafe { *JOB.0.get() = Some((work, parts)) };
        NEXT.store(0, SeqCst);
        IS_OPEN.store(true, SeqCst);
        TURN.fetch_add(1, SeqCst);
        if ASLEEP.load(SeqCst) > 0 {
            wake(&TURN);
        }
        Open
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // What a panic left goes undone.
        NEXT.store(usize::MAX / 2, SeqCst);
        IS_OPEN.store(false, SeqCst);
        let mut looks = 0;
        loop {
            let inside = INSIDE.load(SeqCst);
            if inside == 0 {
                break;
            }
            if LOSS.load(SeqCst) != 0 {
                std::process::abort();
            }
            looks += 1;
            if looks > LOOKS && MAY_WAIT.load(SeqCst) {
                IS_AWAITED.store(true, SeqCst);
                sleep(&INSIDE, inside);
                IS_AWAITED.store(false, SeqCst);
            }
            std::hint::spin_loop();
        }
        IS_TAKEN.store(false, SeqCst);
    }
}

/// Sleeps while `value` is `seen`, or for a while.
#[cfg(target_arch = "wasm32")]
fn sleep(value: &AtomicU32, seen: u32) {
    const NANOSECONDS: i64 = 100_000_000;
    // SAFETY: the address is that of an atomic number.
    unsafe { core::arch::wasm32::memory_atomic_wait32(value.as_ptr().cast(), seen as i32, NANOSECONDS) };
}

#[cfg(target_arch = "wasm32")]
fn wake(value: &AtomicU32) {
    // SAFETY: the address is that of an atomic number.
    unsafe { core::arch::wasm32::memory_atomic_notify(value.as_ptr().cast(), u32::MAX) };
}

/// Natively there are threads in tests only.
#[cfg(not(target_arch = "wasm32"))]
fn sleep(_: &AtomicU32, _: u32) {
    std::thread::yield_now();
}

#[cfg(not(target_arch = "wasm32"))]
fn wake(_: &AtomicU32) {}
