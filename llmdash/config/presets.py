"""The providers that `llmdash init --provider NAME` can write a configuration for, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DEFAULT_DIALECT

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider: where it is and how it is asked.

    `blanks` are the words in `base_url` and `model` that the user puts something else for, with the question
    for each. `key_variable` is empty where no key is sent. `remarks` are comment lines for the file.
    """

    title: str
    base_url: str
    model: str
    key_variable: str = ""
    dialect: str = DEFAULT_DIALECT
    auth: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    blanks: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


_AZURE = {"YOUR-RESOURCE": "Name of your Azure OpenAI resource", "YOUR-DEPLOYMENT": "Name of the deployment"}

PRESETS: Mapping[str, Preset] = {
    "azure": Preset(
        title="Azure OpenAI, a deployment by its URL",
        base_url="https://YOUR-RESOURCE.openai.azure.com/openai/deployments/YOUR-DEPLOYMENT",
        model="YOUR-DEPLOYMENT",
        key_variable="AZURE_OPENAI_API_KEY",
        auth="header:api-key",
        query={"api-version": "2024-10-21"},
        blanks=_AZURE,
        remarks=("The deployment is in the URL; the model is its name too.",),
    ),
    "azure-v1": Preset(
        title="Azure OpenAI, the v1 API",
        base_url="https://YOUR-RESOURCE.openai.azure.com/openai/v1",
        model="YOUR-DEPLOYMENT",
        key_variable="AZURE_OPENAI_API_KEY",
        auth="header:api-key",
        blanks=_AZURE,
        remarks=("The model is the name of the deployment.",),
    ),
    "openrouter": Preset(
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        model="openai/gpt-4o-mini",
        key_variable="OPENROUTER_API_KEY",
        headers={"X-Title": "llmdash"},
        remarks=('Routing goes into [endpoint.options], such as: provider = {sort = "throughput"}',),
    ),
    "gemini": Preset(
        title="Gemini, its OpenAI-compatible API",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        model="gemini-2.5-flash",
        key_variable="GEMINI_API_KEY",
        remarks=('Thinking is limited by an option: [endpoint.options] reasoning_effort = "low"',),
    ),
    "litellm": Preset(
        title="a LiteLLM proxy",
        base_url="http://127.0.0.1:4000/v1",
        model="gpt-4o-mini",
        key_variable="LITELLM_API_KEY",
        remarks=(
            "The model is a model_name of the proxy's own configuration.",
            "Leave retries to llmdash: num_retries: 0 and disable_cooldowns: true in the proxy.",
        ),
    ),
    "vllm": Preset(
        title="a vLLM server",
        base_url="http://127.0.0.1:8000/v1",
        model="Qwen/Qwen2.5-7B-Instruct",
        auth="none",
        remarks=("For a server with --api-key: remove auth, and add api_key_env = 'VLLM_API_KEY'.",),
    ),
}
"""Every provider by the name that `init` takes."""
