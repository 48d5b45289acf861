"""Resume, attribution, trust, and a screen that is true."""

from __future__ import annotations

__all__ = ["ENGINE"]

ENGINE = {
    "Runs": {
        "resume-elsewhere": "the resume command that is printed sends the rest where the first part went",
        "resume-grow": "a larger limit is more work for the same run, and nothing is paid twice",
        "echo-quota": "words that the prompt itself says are no reason to blame a key",
        "always-500": "a prompt that always fails ends, and takes no endpoint with it",
        "brake-variants": "one refusal in many wordings ends a run as early as in one",
        "cold-rate": "a resumed run keeps to the rate across the restart",
        "planted-config": "a configuration that decides where keys go, or names code, is asked about",
        "langchain-typo": "a target that cannot be loaded is refused before anything is made",
        "state-key": "the states that are shown are those that the filter finds",
        "id-cost": "long prompts cost a frame nothing, nor does sorting",
        "start-screen-keys": "a run begun from the home screen is planned like any other",
        "key-echo": "a key that a server repeats is masked wherever it is stored",
        "rows-out-of-range": "a damaged journal is met with the name of the command that helps",
        "key sum": "what a key sent is the sum of what came of it, on the screen too",
        "eta-after-pause": "pauses do not count for the time that is left",
        "done-run": "a finished run is at rest, and its figures stand still",
        "slider-0": "a rate of 0 is refused, and no limit is asked for",
        "d-twice": "one key does one thing: D drains, d belongs to the key panel",
        "start-screen-enter": "nothing is chosen on the home screen that costs, and its forecast is shown",
        "attempts-hidden": "the errors screen counts every try that failed, by class and key",
        "inspector-step": "the inspector steps along the rows of the table",
        "wrong model list": "the answers of a comparison are kept like those of any run",
    },
}
