"""What pyproject.toml cannot say: the demo's files, which live outside the package, travel in its wheel."""

from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("deploy/demo/supernet.safetensors", "deploy/clients/python/gateway.py")


class BuildWithDemo(build_py):
    """Copies the files of the demo to agent/cli/demo/shipped; a checkout uses them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in SHIPPED:
            target = Path(self.build_lib) / "agent" / "cli" / "demo" / "shipped" / Path(name).name
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(name, target)


setup(cmdclass={"build_py": BuildWithDemo})
