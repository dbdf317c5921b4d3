"""Other variants of the vectorised functions in a copy of a program.

gcc's target_clones compiles such a function for several CPUs; its `f.resolver` asks the CPU which
variant the loader binds. That question (the CPUID instruction) cannot be masked from outside, so
a copy of the binary gets resolvers that answer what the test wants.
"""
import os
import re
import shutil
import subprocess

TRAP = b"\x0f\x0b"  # ud2: the process ends with SIGILL
SMALLEST = 8        # bytes of the code that replaces a resolver


def tool(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def addresses(binary):
    """{"f": {"resolver": (address, size), "default": .., "arch_x86_64_v3": .., ..}, ..}"""
    found = {}
    pattern = re.compile(r"([0-9a-f]+) ([0-9a-f]+) [tTiIwW] (\w+)\.(resolver|default|arch_\w+)")
    for line in tool("nm", "-S", binary).splitlines():
        match = pattern.fullmatch(line)
        if match:
            address, size, name, variant = match.groups()
            found.setdefault(name, {})[variant] = (int(address, 16), int(size, 16))
    return {name: variants for name, variants in found.items() if "resolver" in variants}


def is_sanitized(binary):
    return re.search(r"\b__[at]san_init\b", tool("nm", "-D", binary)) is not None


def file_offset(binary, address):
    for line in tool("readelf", "-lW", binary).splitlines():
        words = line.split()
        if words[:1] == ["LOAD"]:
            offset, start, size = (int(words[i], 16) for i in (1, 2, 4))
            if start <= address < start + size:
                return offset + address - start
    raise ValueError(f"{binary}: no segment holds address {address:#x}")


def forced(binary, copy, variant, trap=None):
    """Writes `copy`, which always takes `variant` (None: what the CPU has). With `trap` the code
    of that variant ends the process."""
    shutil.copy2(binary, copy)
    with open(copy, "r+b") as file:
        for name, variants in addresses(binary).items():
            if variant is not None:
                at, size = variants["resolver"]
                assert size >= SMALLEST, f"{name}.resolver has {size} bytes"
                away = (variants[variant][0] - (at + 7)).to_bytes(4, "little", signed=True)
                file.seek(file_offset(binary, at))
                file.write(b"\x48\x8d\x05" + away + b"\xc3")  # lea variant(%rip), %rax; ret
            if trap is not None:
                file.seek(file_offset(binary, variants[trap][0]))
                file.write(TRAP)
    return copy
