"""spack.py RECIPE SOURCE PREFIX [+VARIANT|~VARIANT..] - build, install and test of a recipe, without
spack: what recipes call is made here, and does what spack says of it; dependencies are there or not."""

import os
import subprocess
import sys
import types

recipe, source, prefix, variants = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
facts = {}
after = []


class Spec:
    def __init__(self, version):
        self.version = version

    def satisfies(self, text):
        assert text[0] in "+~" and text[1:] in facts["variants"], text
        asked = [v for v in variants if v[1:] == text[1:]]
        on = asked[-1][0] == "+" if asked else facts["variants"][text[1:]]
        return on == (text[0] == "+")


class Path(str):
    """prefix.bin.gwt: PREFIX/bin/gwt."""

    def __getattr__(self, name):
        return Path(os.path.join(self, name))


class Package:
    pass


def executable(path):
    def call(*words, output=None):
        done = subprocess.run([path, *words], check=True, text=True,
                              stdout=subprocess.PIPE if output is str else None)
        return done.stdout
    return call


def make(*words):
    subprocess.run([os.environ.get("MAKE", "make"), *words], check=True)


def version(number, sha256):
    facts["version"], facts["sha256"] = number, sha256


def variant(name, default, description):
    assert isinstance(default, bool) and description
    facts.setdefault("variants", {})[name] = default


def run_after(phase):
    assert phase == "install", phase

    def remember(function):
        after.append(function)
        return function
    return remember


def modules():
    api = types.ModuleType("spack.package")
    for thing in (make, version, variant, run_after):
        setattr(api, thing.__name__, thing)
    api.license = lambda name: facts.update(license=name)
    api.depends_on = lambda spec, type=None, when=None: None
    api.on_package_attributes = lambda **attributes: lambda function: function
    api.Executable = executable
    builtin = types.ModuleType("spack_repo.builtin.build_systems.makefile")
    builtin.MakefilePackage = Package
    for module in (api, builtin):
        parts = module.__name__.split(".")
        for i in range(1, len(parts)):
            name = ".".join(parts[:i])
            sys.modules.setdefault(name, types.ModuleType(name))
        sys.modules[module.__name__] = module


modules()
names = {}
with open(recipe, encoding="ascii") as file:
    text = file.read()
assert max(map(len, text.splitlines())) <= 99, "spack's style: at most 99 columns"
exec(compile(text, recipe, "exec"), names)
package = names["Gwt"]()
package.spec, package.prefix = Spec(facts["version"]), Path(os.path.abspath(prefix))
assert package.homepage and package.url and facts["license"] == "MIT"
os.chdir(source)
package.build(package.spec, package.prefix)
package.install(package.spec, package.prefix)
assert after, "nothing is tested"
for check in after:
    check(package)
