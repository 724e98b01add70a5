# Sourced by the scripts of this folder: `use_venv EXTRAS` leaves $VIRTUAL_ENV/bin first on PATH.
#
# The environment is .venv in the checkout (or $PYEXPORT_VENV), made with $PYTHON (python3).
# It is refreshed only when the pins, pyproject.toml or the Python version have changed, or when
# an extra is asked for that it does not hold yet.

project_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

_venv_key() {
    { cat "$project_root/requirements/constraints.txt" "$project_root/pyproject.toml"
      "$1" --version
      printf '%s\n' "$project_root"; } | sha256sum | cut -d ' ' -f 1
}

_venv_has() { # STAMP KEY EXTRAS: true if the environment is fresh and holds all the extras
    local key="" held="" extra
    [ -f "$1" ] || return 1
    { read -r key && read -r held; } < "$1" || return 1
    [ "$key" = "$2" ] || return 1
    for extra in ${3//,/ }; do
        case ",$held," in *",$extra,"*) ;; *) return 1 ;; esac
    done
}

_venv_union() { # EXTRAS EXTRAS: both lists without repeats
    printf '%s\n' ${1//,/ } ${2//,/ } | sort -u | paste -sd , -
}

use_venv() {
    local extras="$1" python="${PYTHON:-python3}" held="" key pins torch_pin stamp
    local venv="${PYEXPORT_VENV:-$project_root/.venv}"
    pins="$project_root/requirements/constraints.txt"
    stamp="$venv/pyexport.stamp"
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$python is not Python 3.11 or newer; set PYTHON to one that is" >&2
        return 2
    fi
    key="$(_venv_key "$python")"
    if ! _venv_has "$stamp" "$key" "$extras" || ! "$venv/bin/python" -c '' 2>/dev/null; then
        echo "== making $venv ($("$python" --version), extras $extras)"
        if [ -f "$stamp" ]; then held="$(sed -n 2p "$stamp")"; rm -f "$stamp"; fi
        extras="$(_venv_union "$extras" "$held")"
        # --clear replaces an environment of another Python; pip refreshes one of the same.
        if [ "$("$venv/bin/python" --version 2>/dev/null)" != "$("$python" --version)" ]; then
            "$python" -m venv --clear "$venv" || return 2
        fi
        torch_pin="$(grep '^torch==' "$pins")"
        case ",$extras," in
            # PyTorch goes first and alone, so that no other requirement picks its build.
            *,torch,*) _venv_pip "$venv" -c "$pins" "$torch_pin" || return 2 ;;
        esac
        _venv_pip "$venv" -c "$pins" -e "$project_root[$extras]" || return 2
        printf '%s\n%s\n' "$key" "$extras" > "$stamp"
    fi
    export VIRTUAL_ENV="$venv" PATH="$venv/bin:$PATH"
    unset PYTHONHOME PYTHONPATH
}

_venv_pip() { # VENV ARGUMENTS...
    local venv="$1"
    shift
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" < /dev/null
}
