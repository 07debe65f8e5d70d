"""Parses and compiles the standard library, N files of it: hundreds of thousands of different deep stacks."""
import ast
import os
import sys
import sysconfig

folder = sysconfig.get_paths()["stdlib"]
paths = sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names
               if name.endswith(".py") and "/test" not in root and "dist-packages" not in root)
total = 0
for path in paths[:int(sys.argv[1]) if len(sys.argv) > 1 else None]:
    with open(path, "rb") as file:
        source = file.read()
    try:
        total += len(compile(ast.parse(source, path), path, "exec").co_code)
    except (SyntaxError, ValueError):
        pass
print(total > 0)
