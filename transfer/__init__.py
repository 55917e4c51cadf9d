"""Methods that turn a content clip and a style clip into audio: the contract, the registry, the methods.

Conventions
-----------
Content and style are mono ``float32`` samples in [-1, 1] at one common rate and may differ in length. A
method returns as many samples as the content has.
"""

from timbrebench.transfer.contract import Control, Learned, Method, Parameters, ReferenceControl
from timbrebench.transfer.method_calls import apply
from timbrebench.transfer.registry import create, default_parameters, method_class, method_names

__all__ = [
    "Control",
    "Learned",
    "Method",
    "Parameters",
    "ReferenceControl",
    "apply",
    "create",
    "default_parameters",
    "method_class",
    "method_names",
]
