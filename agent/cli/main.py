"""Entry point of `ofa-agent`: the table of commands."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from agent.cli.exits import DONE, FAILED, exit_code, one_line
from agent.cli.extras import how_to_install
from agent.errors import AgentError

# Name: (module:attribute, line for --help). The module is imported only when its command runs.
_COMMANDS = {
    "alarms": ("agent.cli.read:alarms", "List alarms, or acknowledge one."),
    "audit": ("agent.cli.audit:audit", "Who asked for what, and whether the chain holds."),
    "budget": ("agent.cli.budget:budget", "Set, renew or release a budget."),
    "camera": ("agent.cli.camera:camera", "List, dump, compare and commission cameras."),
    "capture": ("agent.cli.capture:capture", "Labelled images of a running camera."),
    "check": ("agent.cli.check:check", "Check a config and its library without touching a camera."),
    "completion": ("agent.cli.completion:completion", "The script that lets a shell complete words."),
    "demo": ("agent.cli.demo:demo", "Run agent, simulated camera and a client for about a minute."),
    "explain": ("agent.cli.explain:explain", "Why this sub-net, or which one under another budget."),
    "library": ("agent.cli.library:library", "Build, verify and look into libraries."),
    "line": ("agent.cli.line:line", "Tell whether the line runs."),
    "mode": ("agent.cli.mode:mode", "Say who moves the network: auto, manual, maintenance."),
    "operations": ("agent.cli.operations:operations", "List, show, cancel or follow what takes time."),
    "pin": ("agent.cli.pin:pin", "Keep one sub-net on the camera."),
    "pki": ("agent.cli.pki:pki", "A certificate authority for plants without one."),
    "preview": ("agent.cli.preview:preview", "What a camera sees now, as a small picture."),
    "profile": ("agent.cli.profile:profile", "Measure sub-nets on the camera itself."),
    "reload": ("agent.cli.reload:reload", "Have the daemon take over its config file."),
    "replay": ("agent.cli.replay:replay", "Policies on a trace, against what was possible."),
    "results": ("agent.cli.streams:results", "Inference results as they come."),
    "rollback": ("agent.cli.pin:rollback", "Go back to the sub-net before."),
    "run": ("agent.cli.run:run", "The daemon."),
    "sim": ("agent.cli.sim:sim", "The simulated camera."),
    "status": ("agent.cli.read:status", "State of the cameras."),
    "subnets": ("agent.cli.read:subnets", "Sub-nets of a camera's library."),
    "swap": ("agent.cli.swap:swap", "Permit or inhibit swaps."),
    "support-bundle": ("agent.cli.support_bundle:support_bundle", "An archive for whoever is to help, redacted."),
    "swaps": ("agent.cli.read:swaps", "Past swaps and their gaps."),
    "unpin": ("agent.cli.pin:unpin", "Let the policy choose again."),
    "watch": ("agent.cli.streams:watch", "A live table of the cameras; elsewhere their changes as they come."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and imports them when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        return command if isinstance(command, click.Command) else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's own, which imports every command for its line of help."""
        if incomplete and not incomplete[0].isalnum():
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=line)
            for name, (_, line) in sorted(_COMMANDS.items())
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(_COMMANDS.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            ctx.fail(f"no such command {args[0]!r}{_nearest(args[0])}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ofa-agent", prog_name="ofa-agent")
def root() -> None:
    """Keep the best once-for-all sub-net that meets the latency budget on a Firefly DL camera.

    Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 daemon unreachable, 4 refused, 5 infeasible budget,
    6 timed out.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Expected errors become one line on stderr."""
    try:
        outcome = root.main(args=arguments, prog_name="ofa-agent", standalone_mode=False)
    except click.ClickException as exc:
        _show(exc)
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return FAILED
    except BrokenPipeError:
        # The reader (head, less) has gone; the interpreter must not try to flush into the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (AgentError, OSError, TimeoutError) as exc:
        click.echo(one_line(exc), err=True)
        return exit_code(exc)
    except ModuleNotFoundError as exc:
        line = how_to_install(exc)
        if line is None:
            raise
        click.echo(line, err=True)
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


def _show(error: click.ClickException) -> None:
    """One line and where to read more; the help itself where a group was called without a command."""
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx is not None else ""
    if not path or isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # since click 8.2
        error.show()
        return
    message = " ".join(error.format_message().split()).rstrip(".")
    first = message[:1].lower() if message[1:2].islower() else message[:1]
    click.echo(f"{path}: {first}{message[1:]}; see `{path} --help`", err=True)


def _nearest(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, _COMMANDS, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


if __name__ == "__main__":
    sys.exit(main())
