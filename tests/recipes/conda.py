"""conda.py RECIPE_FOLDER SOURCE PREFIX - script and tests of a recipe of conda-forge, without conda:
what their linter asks for, then the commands, with the variables that conda-build sets."""

import os
import re
import shutil
import subprocess
import sys

import yaml

folder, source, prefix = (os.path.abspath(path) for path in sys.argv[1:4])
with open(os.path.join(folder, "meta.yaml"), encoding="ascii") as file:
    text = file.read()
constants = dict(re.findall(r'\{% set (\w+) = "(.*)" %\}', text))
text = re.sub(r"\{%.*%\}\n", "", text)
text = re.sub(r"\{\{ (compiler|stdlib)\('c'\) \}\}", r"\1_c", text)
text = re.sub(r"\{\{ (\w+) \}\}", lambda m: constants[m.group(1)], text)
assert "{{" not in text and text.endswith("\n") and not text.endswith("\n\n")
recipe = yaml.safe_load(text)

order = ["package", "source", "build", "requirements", "test", "about", "extra"]
assert list(recipe) == order, f"sections {list(recipe)}, expected {order}"
assert str(recipe["package"]["version"]) == constants["version"]
assert re.fullmatch("[0-9a-f]{64}", recipe["source"]["sha256"])
assert recipe["build"]["number"] == 0
assert {"compiler_c", "stdlib_c"} <= set(recipe["requirements"]["build"])
for item in ("home", "license", "license_file", "summary"):
    assert recipe["about"][item], item
assert os.path.exists(os.path.join(source, recipe["about"]["license_file"]))
assert recipe["extra"]["recipe-maintainers"]

env = dict(os.environ, PREFIX=prefix, CC=os.environ.get("CC", "cc"), CPPFLAGS="", CFLAGS="", LDFLAGS="",
           PATH=prefix + "/bin:" + os.environ["PATH"],
           PKG_CONFIG_PATH=prefix + "/lib/pkgconfig")
for line in recipe["build"]["script"]:
    subprocess.run(line, shell=True, check=True, cwd=source, env=env)
tests = prefix + "-test"
os.mkdir(tests)
for name in recipe["test"]["files"]:
    shutil.copy(os.path.join(folder, name), tests)
for line in recipe["test"]["commands"]:
    subprocess.run(line, shell=True, check=True, cwd=tests, env=env)
