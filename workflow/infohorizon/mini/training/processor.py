"""The tokenizer and processor of the mini models: one token per word, and one per character that can be read."""

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split, WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast

from infohorizon.mini.rendered.questions import vocabulary
from infohorizon.mini.rendered.scenes import CHARACTERS, PATCH, SIZE
from infohorizon.mini.training.tower import MEAN, SCALE

BEGIN, END, PAD, UNKNOWN, IMAGE = "<s>", "</s>", "<pad>", "<unk>", "<image>"
USER, ASSISTANT = "USER:", "ASSISTANT:"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'USER: ' }}{% else %}{{ 'ASSISTANT: ' }}{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ ' ' }}{% else %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def new_tokenizer() -> PreTrainedTokenizerFast:
    """Words stay whole; capitals, digits and punctuation are single tokens."""
    characters = dict.fromkeys(f"{CHARACTERS}ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?:.,")
    entries = [PAD, BEGIN, END, UNKNOWN, IMAGE, USER, ASSISTANT, *characters, *vocabulary()]
    tokenizer = Tokenizer(WordLevel({entry: i for i, entry in enumerate(entries)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Split(Regex("[A-Z0-9?:.,]"), behavior="isolated")])
    tokenizer.post_processor = TemplateProcessing(single=f"{BEGIN} $A", special_tokens=[(BEGIN, entries.index(BEGIN))])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in (IMAGE, USER, ASSISTANT)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )


def new_image_processor() -> CLIPImageProcessor:
    """Images of SIZE × SIZE pass as they are; others are resized."""
    return CLIPImageProcessor(
        do_resize=True,
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[MEAN] * 3,
        image_std=[SCALE] * 3,
    )


def new_processor() -> LlavaProcessor:
    """Image processor and tokenizer, with the chat template."""
    return LlavaProcessor(
        image_processor=new_image_processor(),
        tokenizer=new_tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # the class token of the tower
        chat_template=CHAT_TEMPLATE,
    )
